"""How a review stands: what was sent, who has answered how much, whether they agree. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from synth.llm.base import Json
from synth.review.backend import Backend
from synth.review.figures import agreement, estimates, times
from synth.review.aggregate import settle_all
from synth.store import DecisionLog, Decisions, Place, RunFolder


def status(run: Path, backend: Backend, wanted: Callable[[Decisions], list[Place]]) -> Json:
    """Everything, with the answers that are there now and were not pulled yet (`unpulled`) counted in.

    Raises `InputError` for no run, `UnreachableError` where the server is gone.
    """
    folder = RunFolder(run)
    folder.read_about()
    known = DecisionLog(folder.decisions).read()
    places, unpulled = [], 0
    for place in wanted(known):
        rows = {row for at, row in known.shown if at == place.id}
        for batch in backend.answers(place):
            for answer in batch:
                if answer.row in rows and known.is_new(answer):
                    known.take(answer)
                    unpulled += 1
        places.append(_place(place, known))
    decisions = settle_all(known)
    return {
        "places": places,
        "rows": dict(sorted(Counter(d.status for d in decisions.values()).items())),
        "unpulled": unpulled,
        "annotators": times(known),
        "estimates": estimates(decisions.values()),
        "agreement": agreement(known),
    }


def _place(place: Place, known: Decisions) -> Json:
    readers: Counter[str] = Counter(
        answer.row
        for answer in known.answers.values()
        if answer.place == place.id and answer.status != "draft"
    )
    needed = {shown.row: shown.needed for shown in known.shown.values() if shown.place == place.id}
    return {
        "name": place.name,
        "backend": place.backend,
        "rows": len(needed),
        "done": sum(readers[row] >= count for row, count in needed.items()),
        "begun": sum(0 < readers[row] < count for row, count in needed.items()),
    }
