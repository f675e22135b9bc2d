"""The unit of commit of a run: one position in its fixed order, with the rows of this position."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from synth.row import Row


@dataclass(slots=True)
class Slot:
    """One row from a source, or the rows that one request of a maker gave.

    `rows` are on their way through the stages. Rows that are dropped or fail move to `settled`, each with the
    index of the stage where it ended. Slots are ordered by `key`. With the position of a row in its slot,
    `key` gives the order of all lists and exports.
    """

    key: tuple[int, ...]
    rows: list[Row]
    settled: list[tuple[Row, int]] = field(default_factory=list)

    @property
    def born(self) -> int:
        """The index of the maker that made the rows; 0 for a source."""
        return self.key[0]

    @property
    def every(self) -> Iterator[tuple[Row, int | None]]:
        """All rows, each with the index of the stage where it ended."""
        yield from ((row, None) for row in self.rows)
        yield from self.settled

    def settle(self, stage_index: int) -> None:
        """Moves dropped and failed rows to `settled`."""
        if all(row.pending for row in self.rows):
            return
        self.settled += [(row, stage_index) for row in self.rows if not row.pending]
        self.rows = [row for row in self.rows if row.pending]

    def suspend(self, stage_index: int, stage: str) -> None:
        """Marks the rows as pending, because the run stops before this stage."""
        self.settled[:0] = [(row.waiting(stage), stage_index) for row in self.rows]
        self.rows = []


def order_key(key: tuple[int, ...]) -> bytes:
    """A slot's key as bytes that sort like its numbers."""
    return struct.pack(f">{len(key)}I", *key)
