"""`synth review push`, `status` and `pull`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from synth.api import find_run
from synth.cli.errors import say
from synth.cli.review_tables import status_text
from synth.llm.base import Json
from synth.recipe import load_recipe
from synth.review.backend import Backend
from synth.review.file_backend import FileBackend
from synth.review.places import in_argilla, in_files
from synth.review.pull import pull
from synth.review.push import PushOptions, push
from synth.review.status import status
from synth.store import Decisions, Place, RunFolder


@dataclass(frozen=True)
class Where:
    """What the command line says about the place to review in."""

    backend: Literal["argilla", "file"]
    dataset: str | None
    workspace: str | None
    url: str | None
    api_key_env: str | None


def push_rows(run: Path, where: Where, users: list[str], *, as_json: bool) -> int:
    """Sends rows; 1 where some were refused."""
    folder = find_run(run)
    options = _push_options(run, folder, where.dataset)
    accounts: list[Json] = []
    if where.backend == "file":
        backend: Backend = FileBackend(RunFolder(folder).review)
    else:
        from synth.review.accounts import make_annotators

        argilla, server = _argilla(where, make_workspace=True)
        if users:
            made = make_annotators(server, users, argilla.workspace)
            accounts = [{"username": a.username, "role": a.role, "password": a.password} for a in made]
        backend = argilla
    report = push(folder, backend, options, say)
    if as_json:
        print(json.dumps({**report.document(), "users": accounts}))
    else:
        for account in accounts:
            password = f"  password {account['password']} (shown this once)" if account["password"] else ""
            print(f"{account['username']}  {account['role']}{password}")
        shares = ", ".join(f"{name} {rows}" for name, rows in sorted(report.shares.items()))
        print(f"{report.sent} rows sent to {', '.join(report.places)}, {report.there} were there ({shares})")
        if where.backend == "file":
            print(f"Write answers into the files in {RunFolder(folder).review}, then: synth review pull")
        if report.conflicts:
            print(f"{report.conflicts} conflicts wait for somebody to settle them")
        for unfit in report.unfit:
            say(f"Not sent: row {unfit.row} {unfit.why}")
    for refused in report.refused:
        say(f"Refused: row {refused.row}: {refused.why}")
    return 1 if report.refused else 0


def pull_answers(run: Path, where: Where, *, as_json: bool) -> int:
    """Brings decisions back."""
    folder = find_run(run)
    backend, wanted = _places(folder, where)
    report = pull(folder, backend, wanted, say)
    if as_json:
        print(json.dumps(report.document()))
        return 0
    rows = ", ".join(f"{name} {count}" for name, count in report.statuses.items())
    print(f"{report.new} new of {report.answers} answers; rows: {rows}")
    if report.waiting:
        print(f"{report.waiting} answers are still to come")
    if report.statuses.get("conflict"):
        print("Conflicts are not exported; `synth review push` shows them side by side to settle")
    if report.unknown:
        say(f"{report.unknown} answers belong to records that this run did not send.")
    return 0


def show_status(run: Path, where: Where, *, as_json: bool) -> int:
    """Says how far people are, and whether they agree."""
    folder = find_run(run)
    backend, wanted = _places(folder, where)
    document = status(folder, backend, wanted)
    print(json.dumps(document) if as_json else status_text(document))
    return 0


def _places(folder: Path, where: Where) -> tuple[Backend, Callable[[Decisions], list[Place]]]:
    if where.backend == "file":
        return FileBackend(RunFolder(folder).review), in_files(where.dataset)
    argilla, _ = _argilla(where, make_workspace=False)
    return argilla, in_argilla(where.dataset, argilla)


def _argilla(where: Where, *, make_workspace: bool):  # type: ignore[no-untyped-def]  # heavy types
    from synth.review.argilla_backend import ArgillaBackend
    from synth.review.argilla_server import Connection, find_server

    server = find_server(where.url, where.api_key_env)
    backend = ArgillaBackend(Connection(server), where.workspace, say, make_workspace=make_workspace)
    return backend, server


def _push_options(run: Path, folder: Path, name: str | None) -> PushOptions:
    """A recipe on the command line says what to review now; a run folder, what it said when it was run."""
    if run.suffix in (".yaml", ".yml") and run.is_file():
        recipe = load_recipe(run)
        return PushOptions(name, recipe.review, recipe.folder)
    # Without --out, a run is runs/NAME beside its recipe.
    return PushOptions(name, base=folder.resolve().parent.parent)
