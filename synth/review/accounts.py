"""Annotators' accounts on an Argilla server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from synth.errors import InputError
from synth.llm.base import Json
from synth.review.argilla_api import ApiServer, ArgillaApi, Refusal

WORKSPACE = "argilla"
"""The workspace that a local Argilla starts with."""

ANNOTATOR = "annotator"

_LONGEST_NAME = 64
_TIMEOUT_SECONDS = 30
_CONFLICT = 409
_UNPROCESSABLE = 422


@dataclass(frozen=True)
class Account:
    """`password` is set only for an account that was just created; it is not stored."""

    username: str
    role: str
    password: str | None = None


def list_accounts(server: ApiServer) -> list[Account]:
    """All accounts, oldest first."""
    with ArgillaApi(server, _TIMEOUT_SECONDS) as api:
        users = _call(api, "GET", "users")["items"]
    return [Account(user["username"], user["role"]) for user in users]


def make_annotators(
    server: ApiServer,
    names: Sequence[str],
    workspace: str = WORKSPACE,
    *,
    new_passwords: bool = False,
    made: Callable[[Account], None] = lambda account: None,
) -> list[Account]:
    """Accounts for `names`, members of `workspace`; Existing accounts keep their passwords, unless
    `new_passwords` is set. `made` is called for each account at once. A password is shown only there, and
    must not be lost if the next account fails.

    Raises `InputError` before any account is created if a name cannot be typed into the sign-in page or
    belongs to somebody who is not an annotator, or if the workspace does not exist.
    """
    for name in names:
        check_name(name)
    with ArgillaApi(server, _TIMEOUT_SECONDS) as api:
        return _make(api, names, _workspace_id(api, workspace), new_passwords, made)


def _make(
    api: ArgillaApi,
    names: Sequence[str],
    workspace_id: str,
    new_passwords: bool,
    made: Callable[[Account], None],
) -> list[Account]:
    known = {user["username"]: user for user in _call(api, "GET", "users")["items"]}
    others = [name for name in names if name in known and known[name]["role"] != ANNOTATOR]
    if new_passwords and others:
        raise InputError(
            f"{', '.join(others)}: not an annotator's account.",
            hint="Only annotators get a new password here.",
        )
    accounts = []
    for name in dict.fromkeys(names):
        password = secrets.token_urlsafe(12)
        if name not in known:
            new = {"username": name, "first_name": name, "role": ANNOTATOR, "password": password}
            known[name] = _call(api, "POST", "users", new)
            account = Account(name, ANNOTATOR, password)
        elif new_passwords:
            _call(api, "PATCH", f"users/{known[name]['id']}", {"password": password})
            account = Account(name, ANNOTATOR, password)
        else:
            account = Account(name, known[name]["role"])
        made(account)
        accounts.append(account)
        member = {"user_id": known[name]["id"]}
        _call(api, "POST", f"workspaces/{workspace_id}/users", member, accept=_CONFLICT)
    return accounts


def check_name(name: str) -> None:
    """Raises `InputError` for a name that the sign-in page would not accept."""
    if name != name.strip() or not name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise InputError(
            f"{name[:_LONGEST_NAME]!r} cannot be an annotator's name.",
            hint=f"Use up to {_LONGEST_NAME} letters, digits and signs from a keyboard, without "
            "spaces around them. No account was made.",
        )


def _workspace_id(api: ArgillaApi, name: str) -> str:
    for workspace in _call(api, "GET", "me/workspaces")["items"]:
        if workspace["name"] == name:
            return str(workspace["id"])
    raise InputError(f"there is no workspace {name!r} at {api.url}.")


def _call(
    api: ArgillaApi, method: str, path: str, body: Json | None = None, *, accept: int | None = None
) -> Json:
    """The answer of Argilla's API. None if it refuses with the status `accept`."""
    try:
        return api.call(method, path, body)
    except Refusal as refusal:
        if refusal.status == accept:
            return {}
        if refusal.status in (_CONFLICT, _UNPROCESSABLE):
            raise InputError(f"Argilla refuses: {refusal.words}", where=path) from refusal
        raise
