"""The Python API: `run`, `open` and `export`."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from synth.errors import InputError
from synth.llm.base import Json
from synth.pipeline.progress import Progress
from synth.pipeline.report import RunResult
from synth.pipeline.run import run_recipe
from synth.recipe.find import find_recipe, find_run_or_recipe, is_recipe
from synth.recipe.load import load_recipe
from synth.reports.position_bias import PositionBias, position_bias_of
from synth.reports.topic_coverage import TopicCoverage, topic_coverage_of
from synth.store import FunnelLine, RunReader

if sys.platform == "win32":
    uvloop = None
else:
    import uvloop

if TYPE_CHECKING:
    from datasets import Dataset

    from synth.exports import ExportResult

T = TypeVar("T")


def run(
    recipe: Path | str,
    out: Path | str | None = None,
    *,
    settings: Iterable[str] = (),
    limit: int | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Runs or resumes `recipe`, and opens the run.

    `settings` are `key=value` texts, as for `--set`. `limit` is the maximum number of drafts. Works in a
    notebook, too. Progress goes to stderr, or to `progress` if it is given: `Progress()` shows nothing.

    >>> run = synth.run("recipe.yaml", out="runs/small", settings=["seed=7"], limit=5)
    >>> len(list(run.drafts()))
    5

    Raises `SynthError` where the command would exit with an error. All replies so far are kept.
    """
    with _shown(progress) as seen:
        result = run_with_result(
            recipe, out, settings=settings, limit=limit, retry_failed=retry_failed, progress=seen
        )
    if result.error is not None:
        raise result.error
    return Run(Path(result.summary["run"]))


@contextmanager
def _shown(progress: Progress | None) -> Iterator[Progress]:
    """`progress`, or a new one with the command's display on stderr."""
    if progress is not None:
        yield progress
        return
    from synth.cli.display import Display  # part of the command line: imported only if needed

    shown = Progress()
    with Display(shown):
        yield shown


def run_with_result(
    recipe: Path | str,
    out: Path | str | None = None,
    *,
    settings: Iterable[str] = (),
    limit: int | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Like `run`, for callers that need the numbers of an unfinished run too."""
    loaded = load_recipe(find_recipe(Path(recipe)), settings, limit)
    folder = Path(out) if out is not None else loaded.run_folder
    return run_to_end(run_recipe(loaded, folder, progress or Progress(), retry_failed=retry_failed))


def open_run(run: Path | str) -> Run:
    """Opens a run folder, or the run of a recipe, for reading. (`synth.open`)

    >>> synth.open("recipe.yaml")
    Run('runs/desk': 98 kept, 2 dropped)

    Raises `InputError` if there is no run.
    """
    return Run(find_run(run))


def export(run: Path | str | Run, format: str | None = None, out: Path | str | None = None) -> ExportResult:
    """Writes fine-tune-ready files (`synth export`).

    For a recipe, its current `export` applies; for a run folder, the `export` of its last run.

    >>> result = synth.export("runs/desk", format="trl-sft", out="sft")
    >>> result.files
    {'train': 90, 'test': 8}
    >>> sorted(file.name for file in result.folder.iterdir())
    ['README.md', 'manifest.json', 'receipts.jsonl', 'test.jsonl', 'train.jsonl']

    Raises `ExportError` if a row cannot be exported or a check of the files fails.
    """
    from synth.exports import export_run

    target = Path(out) if out is not None else None
    if isinstance(run, Run):
        return export_run(run.path, format=format, out=target)
    named = find_run_or_recipe(Path(run))
    if not is_recipe(named):
        return export_run(find_run(named), format=format, out=target)
    recipe = load_recipe(named)
    return export_run(
        find_run(named), format=format, out=target, options=recipe.export, base=recipe.folder.resolve()
    )


class Run:
    """A run, open for reading. Iteration yields the receipts (JSON objects) of its kept rows.

    >>> run = synth.open("runs/desk")
    >>> row = next(iter(run))
    >>> [message["role"] for message in row["messages"]]
    ['user', 'assistant']
    >>> sum(1 for row in run.rows(status="dropped"))
    2
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = RunReader(path)

    def __iter__(self) -> Iterator[Json]:
        return self.rows(status="kept")

    def __len__(self) -> int:
        """The number of kept rows, including seeds. Iteration yields these rows."""
        return self._reader.count("kept")

    def drafts(self) -> Iterator[Json]:
        """Receipts of the kept rows that a stage made: all but what the sources gave."""
        return (row for row in self if row["lineage"]["stage"])

    def rows(self, *, status: str | None = None, stage: str | None = None) -> Iterator[Json]:
        """Receipts in the run's order."""
        return (row.to_json() for row in self._reader.rows(status=status, stage=stage))

    def row(self, row_id: str) -> Json:
        """One receipt, by its id or the first letters of it."""
        return self._reader.row(row_id).to_json()

    def funnel(self) -> list[FunnelLine]:
        """The number of rows that entered and left each stage."""
        return self._reader.funnel(self._reader.stage_names())

    def coverage(self) -> TopicCoverage | None:
        """The number of kept drafts per topic; None if the recipe has no `topics`."""
        return topic_coverage_of(self._reader)

    def swaps(self) -> dict[str, PositionBias]:
        """By stage, how consistent a judge was that was asked in both orders."""
        return position_bias_of(self._reader)

    def to_dataset(self) -> Dataset:
        """The kept rows as a `datasets.Dataset` with `id`, `messages` and `scores`."""
        from datasets import Dataset

        return Dataset.from_list(
            [{"id": row["id"], "messages": row["messages"], "scores": row["scores"]} for row in self]
        )

    def __repr__(self) -> str:
        funnel = self.funnel()
        dropped = sum(sum(line.dropped.values()) for line in funnel)
        failed = sum(line.failed for line in funnel)
        counts = f"{len(self)} kept, {dropped} dropped" + (f", {failed} failed" if failed else "")
        unfinished = "" if self._reader.finished else ", unfinished"
        return f"Run({str(self.path)!r}: {counts}{unfinished})"


def find_run(run: Path | str) -> Path:
    """The run folder that `run` names: itself, or that of a recipe, or of the only recipe in a folder."""
    path = find_run_or_recipe(Path(run))
    if is_recipe(path):
        return load_recipe(path).run_folder
    if not path.exists():
        raise InputError(
            "there is no such run folder or recipe.",
            where=str(path),
            hint="`synth run RECIPE` creates a run.",
        )
    return path


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine from synchronous code, even if a loop is already running (in a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(work)
    outcome: list[T | BaseException] = []

    def other_loop() -> None:
        try:
            outcome.append(_run(work))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            outcome.append(error)

    thread = threading.Thread(target=other_loop, name="synth-run")
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, with uvloop, which takes a fifth less processor time per request."""
    with asyncio.Runner(loop_factory=None if uvloop is None else uvloop.new_event_loop) as runner:
        return runner.run(work)
