"""Brings decisions back: all answers from everybody, as often as one likes, also while people work."""

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
    """What a pull came to. `new` answers were not known, or have changed; `unknown` belong to rows that this
    run never showed."""

    targets: list[str] = field(default_factory=list)
    answers: int = 0
    new: int = 0
    unknown: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    carried: int = 0

    def document(self) -> Json:
        """As `--json` says it."""
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
    """Journals what is new, batch by batch, and then lets it decide. `wanted` picks the targets to ask.

    What was read before something stopped it is kept. Raises `UnreachableError`, `InputError`.
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
