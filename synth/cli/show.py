"""`synth show`: the funnel, rows, or the whole history of one row."""

from __future__ import annotations

from pathlib import Path

from synth.api import open_run
from synth.cli.console import print_json, print_line, print_text, say
from synth.cli.tables import coverage_text, funnel_text, row_line, row_text
from synth.errors import InputError


def show_run(run: Path, row: str | None, stage: str | None, status: str | None, *, as_json: bool) -> int:
    """Prints the funnel and the rows that the options select, or one row."""
    opened = open_run(run)
    if row is not None:
        receipt = opened.row(row)
        if as_json:
            print_json(receipt)
        else:
            print_text(row_text(receipt))
        return 0
    lines = opened.funnel()
    names = [line.stage for line in lines[1:]]
    if stage is not None and stage not in names:
        raise InputError(
            f"this run has no stage {stage!r}.", where=str(run), hint=f"Stages: {', '.join(names)}."
        )
    rows = opened.rows(status=status, stage=stage)
    if as_json:
        for receipt in rows:
            print_json(receipt)
        return 0
    if stage is None and status is None:
        print_text(funnel_text(lines) + "\n")
        if (coverage := opened.coverage()) is not None:
            print_text(coverage_text(coverage) + "\n")
        for name, swaps in opened.swaps().items():
            print_text(swaps.words(name) + "\n")
        rows = (receipt for receipt in rows if receipt["lineage"]["stage"])
    count = 0
    for count, receipt in enumerate(rows, start=1):
        if count <= 20:
            print_line(row_line(receipt))
    if count > 20:
        say(f"... and {count - 20} more; --json prints all.")
    return 0
