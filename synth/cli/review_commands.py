"""`synth review push`, `status` and `pull`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from synth.api import find_run
from synth.cli.console import print_json, print_text, say
from synth.cli.review_tables import print_account, status_text
from synth.hints import command
from synth.recipe.find import is_recipe
from synth.recipe.load import load_recipe
from synth.review.pull import pull
from synth.review.push import PushOptions, PushReport, push
from synth.review.status import status
from synth.review.targets import find_backend
from synth.review.targets.base import Access, ReviewBackend
from synth.review.targets.pushed import pushed_to
from synth.store import RunFolder, RunReader

DEFAULT_BACKEND = "argilla"


@dataclass(frozen=True)
class Where:
    """The review target, as the command line names it."""

    backend: str
    dataset: str | None
    access: Access


def push_rows(run: Path, where: Where, *, as_json: bool) -> int:
    """Sends rows. The exit code is 1 if the server refused some."""
    users = where.access.users
    find_backend(where.backend).check(where.access)
    folder = find_run(run)
    options = _push_options(run, folder, where.dataset)
    with closing(_connect(folder, where)) as backend:
        report = push(folder, backend, options, say)
        # Last, and printed at once: a password that a failed push swallowed could not be shown again.
        tell = (lambda account: None) if as_json else print_account
        accounts = backend.make_accounts(users, tell)
        if as_json:
            page = {"url": backend.url, "annotators": backend.annotators()}
            print_json({**report.document(), **page, "users": [asdict(account) for account in accounts]})
        else:
            pull_it = command("review", "pull", run, *_named(where))
            _print_report(report, backend.next_step(pull_it))
    for unfit in report.unfit:
        say(f"Not sent: row {unfit.row} {unfit.why}")
    for refused in report.refused:
        say(f"Refused: row {refused.row}: {refused.why}")
    return 1 if report.refused else 0


def _print_report(report: PushReport, next_step: str) -> None:
    shares = ", ".join(f"{name} {rows}" for name, rows in sorted(report.shares.items()))
    decided = f", {report.decided} have a decision" if report.decided else ""
    counts = f"{report.there} were already there{decided} ({shares})"
    print_text(f"{report.sent} rows sent to {', '.join(report.targets)}; {counts}")
    print_text(next_step)
    if report.conflicts:
        print_text(f"{report.conflicts} conflicts need an adjudicator")


def pull_answers(run: Path, where: Where, *, as_json: bool) -> int:
    """Fetches the decisions."""
    folder = find_run(run)
    with closing(_connect(folder, where)) as backend:
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
    with closing(_connect(folder, where)) as backend:
        document = status(folder, backend, pushed_to(backend, where.dataset, say))
    if as_json:
        print_json(document)
    else:
        print_text(status_text(document))
    return 0


def _connect(folder: Path, where: Where) -> ReviewBackend:
    return find_backend(where.backend).connect(RunFolder(folder), where.access, say)


def _named(where: Where) -> list[str]:
    """The option that names the backend, if it is not the default one."""
    return [] if where.backend == DEFAULT_BACKEND else ["--backend", where.backend]


def _push_options(run: Path, folder: Path, name: str | None) -> PushOptions:
    """The options of the recipe as it is now, or for a run folder, of the recipe as it was run."""
    if is_recipe(run):
        recipe = load_recipe(run)
        return PushOptions(name, recipe.review, recipe.folder)
    with closing(RunReader(folder)) as reader:
        return PushOptions(name, base=reader.base)
