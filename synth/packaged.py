"""Finds the folders that come with synth: next to the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from synth.errors import MachineError


def packaged(name: str) -> Path:
    """The folder `prompts`, `argilla_config` or `examples`."""
    package = Path(__file__).resolve().parent
    for folder in (package / "_data" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise MachineError(
        f"this installation lacks its folder {name!r}.",
        hint="Install it again from a complete copy of the repository.",
    )
