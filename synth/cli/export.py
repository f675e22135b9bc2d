"""`synth export`."""

from __future__ import annotations

import os
from pathlib import Path

from synth.api import export
from synth.cli.console import print_json, print_text, say


def export_files(
    run: Path,
    format: str | None,
    out: Path | None,
    dataset: str | None = None,
    *,
    public: bool = False,
    as_json: bool,
) -> int:
    """Writes the files and summarises them; uploads them to the hub if `dataset` is named."""
    result = export(run, format, out)
    for warning in result.warnings:
        say(f"Note: {warning}")
    pushed = _push(result.folder, dataset, public=public) if dataset else None
    summary = {**result.summary(), **({"pushed": pushed} if pushed else {})}
    if as_json:
        print_json(summary)
        return 0
    folder = os.path.relpath(result.folder)
    print_text(f"{folder}: " + ", ".join(f"{file} {rows:,} rows" for file, rows in summary["files"].items()))
    for reason, rows in result.withheld.items():
        print_text(f"  withheld, {reason}: {rows:,}")
    print_text(f"  {len(result.checks)} checks passed; the card lists them")
    if not result.changed:
        print_text("Nothing changed: the same export already exists.")
    if result.replaced:
        print_text(f"The earlier export differs and moved to {os.path.relpath(result.replaced)}.")
    if pushed:
        print_text(f"Uploaded to {pushed}")
    return 0


def _push(folder: Path, dataset: str, *, public: bool) -> str:
    from synth.exports.hub import push_to_hub

    return push_to_hub(folder, dataset, private=not public)
