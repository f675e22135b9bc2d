"""Reports the progress of a review: rows sent, answers per person, agreement. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from synth.llm.base import Json
from synth.review.aggregate import aggregate_all
from synth.review.statistics import agreement, estimates, times
from synth.review.targets.base import ReviewBackend
from synth.store import DecisionLog, Decisions, ReviewTarget, RunFolder


def status(run: Path, backend: ReviewBackend, wanted: Callable[[Decisions], list[ReviewTarget]]) -> Json:
    """The status document. It includes answers that are on the server but not pulled yet (`unpulled`).

    Raises `InputError` if there is no run, and `UnreachableError` if the server is gone.
    """
    folder = RunFolder(run)
    folder.read_about()
    known = DecisionLog(folder.decisions).read()
    targets, unpulled = [], 0
    for target in wanted(known):
        rows = {row for at, row in known.shown if at == target.id}
        for batch in backend.answers(target):
            for answer in batch:
                if answer.row in rows and known.is_new(answer):
                    known.take(answer)
                    unpulled += 1
        targets.append(_target(target, known))
    decisions = aggregate_all(known)
    return {
        "places": targets,
        "rows": dict(sorted(Counter(d.status for d in decisions.values()).items())),
        "unpulled": unpulled,
        "annotators": times(known),
        "estimates": estimates(decisions.values()),
        "agreement": agreement(known),
    }


def _target(target: ReviewTarget, known: Decisions) -> Json:
    readers: Counter[str] = Counter(
        answer.row
        for answer in known.answers.values()
        if answer.target == target.id and answer.status != "draft"
    )
    needed = {shown.row: shown.needed for shown in known.shown.values() if shown.target == target.id}
    return {
        "name": target.name,
        "backend": target.backend,
        "rows": len(needed),
        "done": sum(readers[row] >= count for row, count in needed.items()),
        "begun": sum(0 < readers[row] < count for row, count in needed.items()),
    }
