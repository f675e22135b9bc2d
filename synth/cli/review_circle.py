"""`synth review push`, `status` and `pull`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from synth.api import find_run
from synth.cli.console import print_json, print_text, say
from synth.cli.review_tables import print_account, status_text
from synth.errors import InputError
from synth.hints import command
from synth.recipe.find import is_recipe
from synth.recipe.load import load_recipe
from synth.review.accounts import Account, check_name, make_annotators
from synth.review.backend import Backend
from synth.review.file_backend import FileBackend
from synth.review.places import pushed_to
from synth.review.pull import pull
from synth.review.push import PushOptions, push
from synth.review.status import status
from synth.store import RunFolder, RunReader


@dataclass(frozen=True)
class Where:
    """The review target, as the command line names it."""

    backend: Literal["argilla", "file"]
    dataset: str | None
    workspace: str | None
    url: str | None
    api_key_env: str | None


def push_rows(
    run: Path, where: Where, users: list[str], *, make_workspace: bool = False, as_json: bool
) -> int:
    """Sends rows. The exit code is 1 if the server refused some."""
    _check_users(where, users)
    if make_workspace and (where.workspace is None or where.backend == "file"):
        raise InputError("--new-workspace needs --workspace NAME, and works only with Argilla.")
    folder = find_run(run)
    options = _push_options(run, folder, where.dataset)
    with closing(_backend(folder, where, make_workspace=make_workspace)) as backend:
        report = push(folder, backend, options, say)
        # Last, and printed at once: a password that a failed push swallowed could not be shown again.
        accounts = _accounts(backend, where, users, as_json=as_json)
        url, annotators = _page(backend, where)
    if as_json:
        said = {"url": url, "annotators": annotators, "users": [asdict(account) for account in accounts]}
        print_json({**report.document(), **said})
    else:
        shares = ", ".join(f"{name} {rows}" for name, rows in sorted(report.shares.items()))
        decided = f", {report.decided} have a decision" if report.decided else ""
        counts = f"{report.there} were already there{decided} ({shares})"
        print_text(f"{report.sent} rows sent to {', '.join(report.places)}; {counts}")
        if url is not None:
            print_text(_where_to_work(url, annotators))
        if where.backend == "file":
            pull_it = command("review", "pull", run, "--backend", "file")
            print_text(f"Write answers into the files in {RunFolder(folder).review}, then: {pull_it}")
        if report.conflicts:
            print_text(f"{report.conflicts} conflicts need an adjudicator")
    for unfit in report.unfit:
        say(f"Not sent: row {unfit.row} {unfit.why}")
    for refused in report.refused:
        say(f"Refused: row {refused.row}: {refused.why}")
    return 1 if report.refused else 0


def pull_answers(run: Path, where: Where, *, as_json: bool) -> int:
    """Fetches the decisions."""
    folder = find_run(run)
    with closing(_backend(folder, where)) as backend:
        report = pull(folder, backend, pushed_to(backend, where.dataset, say), say)
    if as_json:
        print_json(report.document())
        return 0
    rows = ", ".join(f"{name} {count}" for name, count in report.statuses.items())
    print_text(f"{report.new} new of {report.answers} answers; rows: {rows}")
    if report.waiting:
        print_text(f"{report.waiting} answers are still missing")
    if report.statuses.get("conflict"):
        again = command("review", "push", run)
        print_text(f"Conflicts are not exported. To resolve them side by side: {again}")
    if report.unknown:
        say(f"{report.unknown} answers belong to records that this run did not send.")
    return 0


def show_status(run: Path, where: Where, *, as_json: bool) -> int:
    """Shows the progress and the agreement."""
    folder = find_run(run)
    with closing(_backend(folder, where)) as backend:
        document = status(folder, backend, pushed_to(backend, where.dataset, say))
    if as_json:
        print_json(document)
    else:
        print_text(status_text(document))
    return 0


def _backend(folder: Path, where: Where, *, make_workspace: bool = False) -> Backend:
    if where.backend == "file":
        return FileBackend(RunFolder(folder).review)
    from synth.review.argilla_backend import ArgillaBackend
    from synth.review.argilla_server import Connection, find_server

    connection = Connection(find_server(where.url, where.api_key_env))
    return ArgillaBackend(connection, where.workspace, say, make_workspace=make_workspace)


def _check_users(where: Where, users: list[str]) -> None:
    """Raises `InputError` for a bad name, before anything is sent."""
    if users and where.backend == "file":
        raise InputError("--user creates accounts in Argilla. A file needs none.")
    for name in users:
        check_name(name)


def _accounts(backend: Backend, where: Where, users: list[str], *, as_json: bool) -> list[Account]:
    """Accounts of these annotators. Creates the missing ones."""
    if not users:
        return []
    from synth.review.argilla_backend import ArgillaBackend
    from synth.review.argilla_server import find_server

    assert isinstance(backend, ArgillaBackend)
    tell = (lambda account: None) if as_json else print_account
    server = find_server(where.url, where.api_key_env)
    return make_annotators(server, users, backend.workspace, made=tell)


def _page(backend: Backend, where: Where) -> tuple[str | None, list[str]]:
    """The address of the page and the annotators who can sign in; None for a file."""
    if where.backend == "file":
        return None, []
    from synth.review.argilla_backend import ArgillaBackend
    from synth.review.argilla_server import find_server

    assert isinstance(backend, ArgillaBackend)
    return find_server(where.url, where.api_key_env).url, backend.annotators()


def _where_to_work(url: str, annotators: list[str]) -> str:
    if annotators:
        return f"Open {url} and sign in as {' or '.join(annotators)}."
    return f"Open {url}. No annotator has an account yet: `synth review users NAME` creates one."


def _push_options(run: Path, folder: Path, name: str | None) -> PushOptions:
    """The options of the recipe as it is now, or for a run folder, of the recipe as it was run."""
    if is_recipe(run):
        recipe = load_recipe(run)
        return PushOptions(name, recipe.review, recipe.folder)
    with closing(RunReader(folder)) as reader:
        return PushOptions(name, base=reader.base)
