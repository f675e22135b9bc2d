"""Packages of somebody else, installed for one test: a module and what tells its entry points."""

from __future__ import annotations

from pathlib import Path

import pytest


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, text: str, entry: str) -> None:
    """Puts `module` on the path, with an `entry` in the form `group: name = module:object`."""
    group, _, line = entry.partition(": ")
    (folder / f"{module}.py").write_text(text)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{line}\n")
    monkeypatch.syspath_prepend(folder)
