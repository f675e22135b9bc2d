"""Finds the targets of a run that a command is about."""

from __future__ import annotations

from collections.abc import Callable

from synth.errors import InputError
from synth.review.push import dataset_names
from synth.review.targets.base import ReviewBackend, Say
from synth.store import Decisions, ReviewTarget


def pushed_to(
    backend: ReviewBackend, name: str | None, progress: Say = lambda line: None
) -> Callable[[Decisions], list[ReviewTarget]]:
    """This backend's existing targets that rows were pushed to, or only those under `name`."""
    names = None if name is None else dataset_names(name)

    def targets(known: Decisions) -> list[ReviewTarget]:
        pushed = [
            target
            for target in known.targets.values()
            if target.backend == backend.kind and (names is None or target.name in names)
        ]
        if not pushed:
            what = f"as {name!r}" if name else f"to {backend.kind}" if known.targets else "yet"
            raise InputError(f"nothing was pushed {what}.", hint="Run `synth review push RUN` first.")
        there = [target for target in pushed if backend.has(target)]
        names_there = {target.name for target in there}
        gone = ", ".join(dict.fromkeys(target.name for target in pushed if target.name not in names_there))
        if not there:
            raise InputError(
                f"{gone}: it does not exist any more.",
                hint="Pulled answers are kept, and still decide. `synth review push` makes it again for the "
                "rows without a decision; --url names another server.",
            )
        if gone:
            progress(f"{gone}: it does not exist any more. Pulled answers are kept.")
        return there

    return targets
