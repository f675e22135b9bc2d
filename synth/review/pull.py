"""Brings decisions back: all answers from everybody, as often as one likes, also while people work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from synth.llm.base import Json
from synth.review.backend import Backend, Progress
from synth.review.overlay import overlay_of
from synth.review.run_recipe import run_recipe_of
from synth.review.aggregate import settle_all
from synth.store import Decisions, Place, ReviewStore, RunReader


@dataclass
class PullReport:
    """What a pull came to. `new` answers were not known, or have changed; `unknown` belong to rows that this
    run never showed."""

    places: list[str] = field(default_factory=list)
    answers: int = 0
    new: int = 0
    unknown: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    carried: int = 0

    def document(self) -> Json:
        """As `--json` says it."""
        return {
            "places": self.places,
            "answers": self.answers,
            "new": self.new,
            "unknown": self.unknown,
            "rows": self.statuses,
            "waiting": self.waiting,
            "carried": self.carried,
        }


def pull(
    run: Path, backend: Backend, wanted: Callable[[Decisions], list[Place]], progress: Progress
) -> PullReport:
    """Journals what is new, batch by batch, and then lets it decide. `wanted` picks the places to ask.

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
            for place in wanted(known):
                report.places.append(place.name)
                _read(place, backend, store, known, report)
                progress(f"{place.name}: {report.answers} answers read, {report.new} new")
        finally:
            report.carried = overlay_of(known, recipe).refresh(store.overlay, store.version)
        decisions = settle_all(known).values()
        report.statuses = dict(sorted(Counter(d.status for d in decisions).items()))
        report.waiting = sum(d.waiting for d in decisions)
        return report


def _read(place: Place, backend: Backend, store: ReviewStore, known: Decisions, report: PullReport) -> None:
    for batch in backend.answers(place):
        ours = [answer for answer in batch if (answer.place, answer.row) in known.shown]
        report.answers += len(ours)
        report.unknown += len(batch) - len(ours)
        report.new += store.decisions.append(known, ours)
