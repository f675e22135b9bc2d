"""`synth export`."""

from __future__ import annotations

import json
import os
from pathlib import Path

from synth.api import export
from synth.cli.errors import say


def export_files(run: Path, format: str | None, out: Path | None, *, as_json: bool) -> int:
    """Writes the files and says what they hold."""
    result = export(run, format, out)
    for warning in result.warnings:
        say(f"Note: {warning}")
    summary = result.summary()
    if as_json:
        print(json.dumps(summary))
        return 0
    folder = os.path.relpath(result.folder)
    print(f"{folder}: " + ", ".join(f"{file} {rows:,} rows" for file, rows in summary["files"].items()))
    for reason, rows in result.withheld.items():
        print(f"  withheld, {reason}: {rows:,}")
    for check in result.checks:
        print(f"  checked: {check}")
    if not result.changed:
        print("The same export was there already.")
    if result.replaced:
        print(f"The earlier, different one is now {os.path.relpath(result.replaced)}.")
    return 0
