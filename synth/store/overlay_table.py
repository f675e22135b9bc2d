"""The table of rows after people's decisions, which overlays the rows from the stages.

`synth.review.overlay` computes the effect of a decision. This module stores it in the table `overlay`:
readers take a row from there if present, and otherwise from `rows`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synth.row import Row
from synth.store.folder import sqlite_error

INSERT_OVERLAY = "INSERT OR REPLACE INTO overlay VALUES (?,?,?,?,?,?,?,?,?)"

# Rows that no stage makes any more come last, in the order of their ids.
_PLACE_OF_CARRIED = b"\xff" * 4

# SQLite limits the parameters of a statement.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Overlay:
    """A row after people's decisions. `ended` is the index of the stage where it ended."""

    row: Row
    ended: int | None


@dataclass(frozen=True, slots=True)
class RowPlace:
    """A row's `place` in the run's order, and the index of the stage that made it (`born`).

    `born` is None for a row that no stage makes any more: it counts as made by the review, after the last
    stage.
    """

    place: bytes
    born: int | None

    @classmethod
    def carried(cls, row: Row) -> RowPlace:
        """The place of a row that no stage makes any more, but that is kept because of a decision."""
        return cls(_PLACE_OF_CARRIED + row.id.encode(), None)


@dataclass(frozen=True, slots=True)
class MadeRow:
    """A row as the stages left it."""

    row: Row
    ended: int | None
    place: RowPlace


def overlay_line(overlay: Overlay, place: RowPlace) -> tuple[Any, ...]:
    """The row's values for the table."""
    row = overlay.row
    ended = (overlay.ended, row.stage, row.status, row.reason)
    return (row.id, place.place, place.born, *ended, int(row.draft), row.to_bytes())


class OverlayTable:
    """The table `overlay` of a writable database."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @property
    def empty(self) -> bool:
        """Whether the table is empty: no row was ever shown."""
        return self._connection.execute("SELECT 1 FROM overlay LIMIT 1").fetchone() is None

    def made(self, ids: Collection[str], version: int) -> Iterator[MadeRow]:
        """Those of the rows that the last run's recipe makes."""
        wanted = list(ids)
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            for receipt, ended, place, born in self._connection.execute(
                f"SELECT receipt, ended, place, born FROM rows WHERE version >= ? AND id IN ({marks})",
                (version, *chunk),
            ):
                yield MadeRow(Row.from_json(orjson.loads(receipt)), ended, RowPlace(place, born))

    def families(self, version: int) -> Iterator[tuple[str, str | None, Sequence[str]]]:
        """Rows that were made from other rows: id, stage, parents."""
        for row, stage, parents in self._connection.execute(
            "SELECT id, receipt ->> '$.lineage.stage', receipt -> '$.lineage.parents' FROM rows"
            " WHERE version >= ? AND receipt -> '$.lineage.parents' != '[]'",
            (version,),
        ):
            yield row, stage, orjson.loads(parents)

    def replace(self, overlays: Iterable[tuple[Overlay, RowPlace]]) -> None:
        """Replaces the whole table with `overlays`. Raises `MachineError`."""
        try:
            self._replace(overlay_line(overlay, place) for overlay, place in overlays)
        except sqlite3.OperationalError as error:
            raise sqlite_error(error, self._path) from None

    def _replace(self, lines: Iterable[tuple[Any, ...]]) -> None:
        connection = self._connection
        # One transaction: readers see the table before the change or after it.
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("DELETE FROM overlay")
            connection.executemany(INSERT_OVERLAY, lines)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
