"""Fetches all answers. Can be repeated at any time, also while people are working."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from synth.llm.base import Json
from synth.review.aggregate import aggregate_all
from synth.review.overlay import overlay_of
from synth.review.run_recipe import run_recipe_of
from synth.review.targets.base import ReviewBackend, Say
from synth.store import Decisions, ReviewStore, ReviewTarget, RunReader


@dataclass
class PullReport:
    """The result of a pull. `new` answers were not known or have changed; `unknown` answers belong to rows
    that this run never showed.
    """

    targets: list[str] = field(default_factory=list)
    answers: int = 0
    new: int = 0
    unknown: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    carried: int = 0

    def document(self) -> Json:
        """The document that `--json` prints."""
        return {
            "places": self.targets,
            "answers": self.answers,
            "new": self.new,
            "unknown": self.unknown,
            "rows": self.statuses,
            "waiting": self.waiting,
            "carried": self.carried,
        }


def pull(
    run: Path, backend: ReviewBackend, wanted: Callable[[Decisions], list[ReviewTarget]], progress: Say
) -> PullReport:
    """Journals new answers, batch by batch, and then updates the decisions.

    `wanted` selects the targets. After an error, the answers read so far are kept. Raises `UnreachableError`
    and `InputError`.
    """
    with ReviewStore(run) as store:
        reader = RunReader(run)
        try:
            recipe = run_recipe_of(reader)
        finally:
            reader.close()
        known = store.decisions.read()
        report = PullReport()
        try:
            for target in wanted(known):
                report.targets.append(target.name)
                _read(target, backend, store, known, report)
                progress(f"{target.name}: {report.answers} answers read, {report.new} new")
        finally:
            report.carried = overlay_of(known, recipe).refresh(store.overlay, store.version)
        decisions = aggregate_all(known).values()
        report.statuses = dict(sorted(Counter(d.status for d in decisions).items()))
        report.waiting = sum(d.waiting for d in decisions)
        return report


def _read(
    target: ReviewTarget, backend: ReviewBackend, store: ReviewStore, known: Decisions, report: PullReport
) -> None:
    for batch in backend.answers(target):
        ours = [answer for answer in batch if (answer.target, answer.row) in known.shown]
        report.answers += len(ours)
        report.unknown += len(batch) - len(ours)
        report.new += store.decisions.append(known, ours)
