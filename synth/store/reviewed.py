"""What decisions make of rows, kept beside the rows as the stages left them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synth.row import Row
from synth.store.folder import sqlite_error

INSERT_REVIEWED = "INSERT OR REPLACE INTO reviewed VALUES (?,?,?,?,?,?,?)"

# Rows that no stage makes any more stand behind all others, in the order of their ids.
_PLACE_OF_CARRIED = b"\xff" * 4

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A row as it is after people's decisions; `person`: somebody decided on this very row."""

    person: bool
    ended: int | None
    row: Row

    def line(self) -> tuple[Any, ...]:
        """Its line in the table."""
        row = self.row
        receipt = orjson.dumps(row.to_json())
        return (row.id, int(self.person), row.status, row.stage, row.reason, self.ended, receipt)


class ReviewedTable:
    """The table `reviewed` of a database that may be written."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @property
    def empty(self) -> bool:
        """Whether no row was ever shown to anybody."""
        return self._connection.execute("SELECT 1 FROM reviewed LIMIT 1").fetchone() is None

    def made(self, ids: Collection[str], version: int) -> Iterator[tuple[Row, int | None]]:
        """Those rows that the recipe as last run makes, as the stages left them, and where each ended."""
        wanted = list(ids)
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            for receipt, ended in self._connection.execute(
                f"SELECT receipt, ended FROM rows WHERE version >= ? AND id IN ({marks})", (version, *chunk)
            ):
                yield Row.from_json(orjson.loads(receipt)), ended

    def families(self, version: int) -> Iterator[tuple[str, str | None, Sequence[str]]]:
        """Rows that were made from others: id, stage, parents."""
        for row, stage, parents in self._connection.execute(
            "SELECT id, receipt ->> '$.lineage.stage', receipt -> '$.lineage.parents' FROM rows"
            " WHERE version >= ? AND receipt -> '$.lineage.parents' != '[]'",
            (version,),
        ):
            yield row, stage, orjson.loads(parents)

    def replace(self, lines: Iterable[Reviewed], carried: Iterable[Row]) -> None:
        """Puts `lines` in the place of all earlier ones. `carried` are rows that no stage makes
        any more, and that stay because people decided on them. Raises `MachineError`."""
        try:
            self._replace(lines, carried)
        except sqlite3.OperationalError as error:
            raise sqlite_error(error, self._path) from None

    def _replace(self, lines: Iterable[Reviewed], carried: Iterable[Row]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("DELETE FROM reviewed")
            connection.executemany(INSERT_REVIEWED, (line.line() for line in lines))
            connection.executemany(
                "INSERT INTO rows VALUES (?,?,0,NULL,NULL,'kept',NULL,1,0,0,?) ON CONFLICT (id)"
                " DO UPDATE SET place = excluded.place",
                (
                    (row.id, _PLACE_OF_CARRIED + row.id.encode(), orjson.dumps(row.to_json()))
                    for row in carried
                ),
            )
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
