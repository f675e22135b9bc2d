"""`synth show`: the funnel, rows, or the whole history of one row."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from synth.api import find_run
from synth.cli.console import print_json, print_line, print_text, say
from synth.cli.tables import overview_text, row_line, row_text
from synth.errors import InputError
from synth.row import Row
from synth.store import RunReader


def show_run(run: Path, row: str | None, stage: str | None, status: str | None, *, as_json: bool) -> int:
    """Prints the funnel and the rows that the options select, or one row."""
    with closing(RunReader(find_run(run))) as reader:
        if row is not None:
            _print_row(reader.row(row), as_json=as_json)
            return 0
        names = [line.stage for line in reader.funnel(reader.stage_names())[1:]]
        if stage is not None and stage not in names:
            raise InputError(
                f"this run has no stage {stage!r}.", where=str(run), hint=f"Stages: {', '.join(names)}."
            )
        rows = reader.rows(status=status, stage=stage)
        if as_json:
            for each in rows:
                print_json(each.to_json())
        elif stage is None and status is None:
            print_text(overview_text(reader))
            _print_lines(each for each in rows if each.lineage.stage)
        else:
            _print_lines(rows)
    return 0


def _print_row(row: Row, *, as_json: bool) -> None:
    if as_json:
        print_json(row.to_json())
    else:
        print_text(row_text(row))


def _print_lines(rows: Iterable[Row]) -> None:
    """The first 20 rows in a line each, and how many more there are."""
    count = 0
    for count, row in enumerate(rows, start=1):
        if count <= 20:
            print_line(row_line(row))
    if count > 20:
        say(f"... and {count - 20} more; --json prints all.")
