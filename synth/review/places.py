"""Which of the places that a run knows a command is about."""

from __future__ import annotations

from collections.abc import Callable

from synth.errors import InputError
from synth.review.backend import Backend, Progress
from synth.review.push import dataset_names
from synth.store import Decisions, Place


def pushed_to(
    backend: Backend, name: str | None, progress: Progress = lambda line: None
) -> Callable[[Decisions], list[Place]]:
    """The places of this backend that rows were pushed to, or those under `name`, if they are still there."""
    names = None if name is None else dataset_names(name)

    def places(known: Decisions) -> list[Place]:
        pushed = [
            place
            for place in known.places.values()
            if place.backend == backend.kind and (names is None or place.name in names)
        ]
        if not pushed:
            what = f"as {name!r}" if name else f"to {backend.kind}" if known.places else "yet"
            raise InputError(f"nothing was pushed {what}.", hint="`synth review push RUN` comes first.")
        there = [place for place in pushed if backend.has(place)]
        names_there = {place.name for place in there}
        gone = ", ".join(dict.fromkeys(place.name for place in pushed if place.name not in names_there))
        if not there:
            raise InputError(
                f"{gone}: there is no such place any more.",
                hint="What was pulled from it is kept, and still decides. `synth review push` makes it again "
                "for the rows that nobody has decided on; --url names another server.",
            )
        if gone:
            progress(f"{gone}: there is no such place any more. What was pulled from it is kept.")
        return there

    return places
