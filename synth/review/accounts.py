"""Annotators' accounts on an Argilla."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from synth.errors import InputError, UnreachableError

WORKSPACE = "argilla"
"""The workspace that a local Argilla starts with."""

_TIMEOUT_SECONDS = 30
_CONFLICT = 409
_UNPROCESSABLE = 422


class ApiServer(Protocol):
    """A running Argilla, and the key of somebody who may make accounts there."""

    @property
    def url(self) -> str:
        """Where its API begins, without a slash at the end."""
        ...

    @property
    def api_key(self) -> str:
        """An owner's key."""
        ...


@dataclass(frozen=True)
class Account:
    """`password` is there only when the account was made just now; it is kept nowhere."""

    username: str
    role: str
    password: str | None = None


def list_accounts(server: ApiServer) -> list[Account]:
    """All accounts, in the order in which they were made."""
    users = _call(server, "GET", "users")["items"]
    return [Account(user["username"], user["role"]) for user in users]


def make_annotators(server: ApiServer, names: Sequence[str], workspace: str = WORKSPACE) -> list[Account]:
    """Accounts for `names`, members of `workspace`; who has an account keeps it, with its password.

    Raises `InputError` for a name that Argilla does not take, or a workspace that is not there.
    """
    workspace_id = _workspace_id(server, workspace)
    known = {user["username"]: user for user in _call(server, "GET", "users")["items"]}
    accounts = []
    for name in dict.fromkeys(names):
        password = None
        if name not in known:
            password = secrets.token_urlsafe(12)
            new = {"username": name, "first_name": name, "role": "annotator", "password": password}
            known[name] = _call(server, "POST", "users", new)
        member = {"user_id": known[name]["id"]}
        _call(server, "POST", f"workspaces/{workspace_id}/users", member, accept=_CONFLICT)
        accounts.append(Account(name, known[name]["role"], password))
    return accounts


def _workspace_id(server: ApiServer, name: str) -> str:
    for workspace in _call(server, "GET", "me/workspaces")["items"]:
        if workspace["name"] == name:
            return str(workspace["id"])
    raise InputError(f"there is no workspace {name!r} at {server.url}.")


def _call(
    server: ApiServer,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    accept: int | None = None,
) -> Any:
    """The answer of Argilla's API; None where it refuses with the status `accept`."""
    request = urllib.request.Request(
        f"{server.url}/api/v1/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-Argilla-Api-Key": server.api_key, "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == accept:
            return None
        said = error.read().decode(errors="replace")
        if error.code in (_CONFLICT, _UNPROCESSABLE):
            raise InputError(f"Argilla refuses: {said}", where=path) from error
        raise UnreachableError(f"Argilla answered {error.code}: {said}", where=server.url) from error
    except OSError as error:
        raise UnreachableError(f"Argilla does not answer: {error}", where=server.url) from error
