"""Which of the places that a run knows a command is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from synth.errors import InputError
from synth.review.push import CONFLICTS, OVERLAP
from synth.store import Decisions, Place

if TYPE_CHECKING:
    from synth.review.argilla_backend import ArgillaBackend


def in_files(name: str | None) -> Callable[[Decisions], list[Place]]:
    """The files that were pushed, or those under `name`."""
    return lambda known: _known(known, "file", name)


def in_argilla(name: str | None, backend: ArgillaBackend) -> Callable[[Decisions], list[Place]]:
    """The datasets that were pushed and are on this server, or those under `name`."""

    def places(known: Decisions) -> list[Place]:
        there = [place for place in _known(known, "argilla", name) if backend.has(place)]
        if not there:
            raise InputError(
                "no dataset of this run is on that server.",
                hint="`synth review push` makes it; --url names another server.",
            )
        return there

    return places


def _known(known: Decisions, backend: str, name: str | None) -> list[Place]:
    names = None if name is None else {name, name + OVERLAP, name + CONFLICTS}
    places = [
        place
        for place in known.places.values()
        if place.backend == backend and (names is None or place.name in names)
    ]
    if not places:
        what = f"as {name!r}" if name else "yet" if not known.places else f"to {backend}"
        raise InputError(f"nothing was pushed {what}.", hint="`synth review push RUN` comes first.")
    return places
