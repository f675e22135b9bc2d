"""Which of a run's targets a command is about."""

from __future__ import annotations

from collections.abc import Callable

from synth.errors import InputError
from synth.review.push import dataset_names
from synth.review.targets.base import ReviewBackend, Say
from synth.store import Decisions, ReviewTarget


def pushed_to(
    backend: ReviewBackend, name: str | None, progress: Say = lambda line: None
) -> Callable[[Decisions], list[ReviewTarget]]:
    """The targets of this backend that rows were pushed to, or those under `name`, that are still there."""
    names = None if name is None else dataset_names(name)

    def targets(known: Decisions) -> list[ReviewTarget]:
        pushed = [
            target
            for target in known.targets.values()
            if target.backend == backend.kind and (names is None or target.name in names)
        ]
        if not pushed:
            what = f"as {name!r}" if name else f"to {backend.kind}" if known.targets else "yet"
            raise InputError(f"nothing was pushed {what}.", hint="`synth review push RUN` comes first.")
        there = [target for target in pushed if backend.has(target)]
        names_there = {target.name for target in there}
        gone = ", ".join(dict.fromkeys(target.name for target in pushed if target.name not in names_there))
        if not there:
            raise InputError(
                f"{gone}: there is no such place any more.",
                hint="What was pulled from it is kept, and still decides. `synth review push` makes it again "
                "for the rows that nobody has decided on; --url names another server.",
            )
        if gone:
            progress(f"{gone}: there is no such place any more. What was pulled from it is kept.")
        return there

    return targets
