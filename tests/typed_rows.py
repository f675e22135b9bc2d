"""Rows as a run folder holds them, made from rows as stages write them."""

from __future__ import annotations

from typing import Any

from synth.row import Row as StageRow
from synth.typed_row import Row


def typed(row: StageRow, **changes: Any) -> Row:
    """The typed row, with `changes` to its receipt."""
    return Row.from_json({**row.receipt(), **changes})
