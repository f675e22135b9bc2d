"""The registry of review backends, including those of other installed packages."""

from __future__ import annotations

from synth.errors import InputError
from synth.plugins import Registry
from synth.review.targets.base import ReviewBackend
from synth.suggestions import did_you_mean

# Another package adds a backend by an entry point of this group.
GROUP = "synth.review"

BACKENDS = Registry(
    GROUP,
    {
        "argilla": "synth.review.targets.argilla.backend:ArgillaBackend",
        "file": "synth.review.targets.file:FileBackend",
    },
    type,
)


def find_backend(name: str) -> type[ReviewBackend]:
    """The backend with this name. Raises `InputError`, which lists the known names."""
    try:
        found = BACKENDS.find(name)
    except KeyError:
        raise InputError(
            f"there is no backend {name!r}.{did_you_mean(name, BACKENDS.names)}",
            where="--backend",
            hint=f"Backends: {', '.join(BACKENDS.names)}.",
        ) from None
    except ValueError as error:
        raise InputError(f"{error}.", where="--backend") from None
    if not issubclass(found, ReviewBackend):
        raise InputError(
            f"{name!r} is added by {found.__module__}, but is not a ReviewBackend.", where="--backend"
        )
    return found
