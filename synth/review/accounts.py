"""Annotators' accounts on an Argilla."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from synth.direct import open_directly
from synth.errors import InputError, UnreachableError

WORKSPACE = "argilla"
"""The workspace that a local Argilla starts with."""

ANNOTATOR = "annotator"

_LONGEST_NAME = 64
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


def make_annotators(
    server: ApiServer,
    names: Sequence[str],
    workspace: str = WORKSPACE,
    *,
    new_passwords: bool = False,
    made: Callable[[Account], None] = lambda account: None,
) -> list[Account]:
    """Accounts for `names`, members of `workspace`; who has an account keeps it, and with it the password,
    unless `new_passwords` are asked for. `made` hears of each account at once: a password is told nowhere
    else, and whatever happens to the next account, this one's must not be lost.

    Raises `InputError` for a name that cannot be typed into a sign-in page or that is no annotator's, before
    anything is made, or for a workspace that is not there.
    """
    for name in names:
        check_name(name)
    workspace_id = _workspace_id(server, workspace)
    known = {user["username"]: user for user in _call(server, "GET", "users")["items"]}
    others = [name for name in names if name in known and known[name]["role"] != ANNOTATOR]
    if new_passwords and others:
        raise InputError(
            f"{', '.join(others)}: no annotator's account.", hint="Only annotators get a new password here."
        )
    accounts = []
    for name in dict.fromkeys(names):
        password = secrets.token_urlsafe(12)
        if name not in known:
            new = {"username": name, "first_name": name, "role": ANNOTATOR, "password": password}
            known[name] = _call(server, "POST", "users", new)
            account = Account(name, ANNOTATOR, password)
        elif new_passwords:
            _call(server, "PATCH", f"users/{known[name]['id']}", {"password": password})
            account = Account(name, ANNOTATOR, password)
        else:
            account = Account(name, known[name]["role"])
        made(account)
        accounts.append(account)
        member = {"user_id": known[name]["id"]}
        _call(server, "POST", f"workspaces/{workspace_id}/users", member, accept=_CONFLICT)
    return accounts


def check_name(name: str) -> None:
    """Raises `InputError` for a name that nobody could sign in with."""
    if name != name.strip() or not name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise InputError(
            f"{name[:_LONGEST_NAME]!r} cannot be an annotator's name.",
            hint=f"Take up to {_LONGEST_NAME} letters, digits and signs that somebody can type, without "
            "spaces around them. No account was made.",
        )


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
        with open_directly(request, _TIMEOUT_SECONDS) as response:
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
