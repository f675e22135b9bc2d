"""What people's decisions make of rows, laid over the rows as the stages left them.

`synth.review.overlay` works out the effect of a decision. Here it lies in a table of its own: readers take a
row from there if it is there, and from `rows` otherwise.
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

# Rows that no stage makes any more come after all others, in the order of their ids.
_PLACE_OF_CARRIED = b"\xff" * 4

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Overlay:
    """A row as it is after people's decisions; `ended` is the position of the stage that it ended at."""

    row: Row
    ended: int | None


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a row belongs: its `place` in the run's order, and the position of the stage it was `born` at.

    None for one that no stage makes any more: it is born at the review, behind the last stage.
    """

    place: bytes
    born: int | None

    @classmethod
    def carried(cls, row: Row) -> RowPlace:
        """That of a row that stays because people decided on it, and that no stage makes any more."""
        return cls(_PLACE_OF_CARRIED + row.id.encode(), None)


@dataclass(frozen=True, slots=True)
class MadeRow:
    """A row as the stages left it."""

    row: Row
    ended: int | None
    place: RowPlace


def overlay_line(overlay: Overlay, place: RowPlace) -> tuple[Any, ...]:
    """The line in the table."""
    row = overlay.row
    receipt = orjson.dumps(row.to_json())
    ended = (overlay.ended, row.stage, row.status, row.reason)
    return (row.id, place.place, place.born, *ended, int(row.draft), receipt)


class OverlayTable:
    """The table `overlay` of a database that may be written."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @property
    def empty(self) -> bool:
        """Whether no row was ever shown to anybody."""
        return self._connection.execute("SELECT 1 FROM overlay LIMIT 1").fetchone() is None

    def made(self, ids: Collection[str], version: int) -> Iterator[MadeRow]:
        """Those rows that the recipe as last run makes."""
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
        """Rows that were made from others: id, stage, parents."""
        for row, stage, parents in self._connection.execute(
            "SELECT id, receipt ->> '$.lineage.stage', receipt -> '$.lineage.parents' FROM rows"
            " WHERE version >= ? AND receipt -> '$.lineage.parents' != '[]'",
            (version,),
        ):
            yield row, stage, orjson.loads(parents)

    def replace(self, overlays: Iterable[tuple[Overlay, RowPlace]]) -> None:
        """Puts `overlays` in the place of all earlier ones. Raises `MachineError`."""
        try:
            self._replace(overlay_line(overlay, place) for overlay, place in overlays)
        except sqlite3.OperationalError as error:
            raise sqlite_error(error, self._path) from None

    def _replace(self, lines: Iterable[tuple[Any, ...]]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("DELETE FROM overlay")
            connection.executemany(INSERT_OVERLAY, lines)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
