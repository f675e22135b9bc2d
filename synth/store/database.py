"""The SQLite file of a run: rows as they stand, and where each reply lies in the journal.

All of it is derived: a run without this file makes it again from the journal, and asks nobody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synth.errors import MachineError

# Append only: the position of a script is the version it brings the file to.
MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE replies (
        identity BLOB NOT NULL,
        offset INTEGER NOT NULL,
        length INTEGER NOT NULL,
        kind TEXT NOT NULL,
        model TEXT NOT NULL,
        max_tokens INTEGER NOT NULL,
        cut INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        PRIMARY KEY (identity, offset)
    ) WITHOUT ROWID;
    CREATE TABLE rows (
        id TEXT PRIMARY KEY,
        place BLOB NOT NULL,
        born INTEGER NOT NULL,
        ended INTEGER,
        stage TEXT,
        status TEXT NOT NULL,
        reason TEXT,
        draft INTEGER NOT NULL,
        held_out INTEGER NOT NULL,
        version INTEGER NOT NULL,
        receipt BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX rows_in_order ON rows (place);
    -- All that the funnel counts, apart from the receipts: a run of 100,000 rows is counted at once.
    CREATE INDEX rows_counted ON rows (version, status, draft, born, ended, stage, reason);
    """,
    # What people's decisions make of a row; `rows` keeps it as the stages left it. `person` tells whether
    # somebody decided on the row itself: such a row is never superseded.
    """
    CREATE TABLE reviewed (
        id TEXT PRIMARY KEY,
        person INTEGER NOT NULL,
        status TEXT NOT NULL,
        stage TEXT,
        reason TEXT,
        ended INTEGER,
        receipt BLOB NOT NULL
    ) WITHOUT ROWID;
    """,
    # The same with a row's place and birth, so that readers need not work them out. `born` is NULL for a row
    # that no stage makes any more, and that stays because somebody decided on it.
    """
    CREATE TABLE overlay (
        id TEXT PRIMARY KEY,
        place BLOB NOT NULL,
        born INTEGER,
        ended INTEGER,
        stage TEXT,
        status TEXT NOT NULL,
        reason TEXT,
        draft INTEGER NOT NULL,
        receipt BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX overlay_in_order ON overlay (place);
    INSERT INTO overlay
        SELECT id, r.place, iif(r.version < run.version, NULL, r.born), v.ended, v.stage, v.status, v.reason,
            r.draft, v.receipt
        FROM reviewed v JOIN rows r USING (id)
            JOIN (SELECT ifnull(max(CAST(value AS INTEGER)), 0) AS version FROM meta
                WHERE key = 'version') run
        WHERE v.person OR r.version >= run.version;
    DROP TABLE reviewed;
    """,
)


# What SQLite answers where a file is not, or not any more, what synth wrote. All statements are fixed, so an
# error in one of them (`SQLITE_ERROR`) says that a table is gone or that a text in it is no JSON.
_DAMAGE = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_TOOBIG,
}


class DamagedDatabase(MachineError):
    """The database is not what synth wrote. It is derived: `synth run` makes it again."""

    def __init__(self, file: Path, words: str) -> None:
        super().__init__(
            f"is damaged ({words}).",
            where=str(file),
            hint="Run the recipe again: the rows are made again from the journal of replies, and nothing that"
            " was answered is asked twice. If the error stays, delete this file first.",
        )


class _Connection(sqlite3.Connection):
    """A connection whose errors are `DamagedDatabase` where the file is to blame."""

    file: Path

    def execute(self, *args: Any) -> Any:
        return self.cursor(_Cursor).execute(*args)

    def executemany(self, *args: Any) -> Any:
        return self.cursor(_Cursor).executemany(*args)

    def executescript(self, *args: Any) -> Any:
        return self.cursor(_Cursor).executescript(*args)


class _Cursor(sqlite3.Cursor):
    connection: _Connection

    def execute(self, *args: Any) -> Any:
        return self._checked(super().execute, *args)

    def executemany(self, *args: Any) -> Any:
        return self._checked(super().executemany, *args)

    def executescript(self, *args: Any) -> Any:
        return self._checked(super().executescript, *args)

    def fetchone(self) -> Any:
        return self._checked(super().fetchone)

    def fetchall(self) -> Any:
        return self._checked(super().fetchall)

    def __next__(self) -> Any:
        return self._checked(super().__next__)

    def _checked(self, step: Callable[..., Any], *args: Any) -> Any:
        try:
            return step(*args)
        except sqlite3.DatabaseError as error:
            # Without a code, it is a text that is no UTF-8.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
            if code & 0xFF not in _DAMAGE:
                raise
            raise DamagedDatabase(self.connection.file, str(error)) from None


def connect(file: Path, *, writable: bool) -> sqlite3.Connection:
    """Opens the database, made or migrated first where `writable`.

    A database in a folder that cannot be written is opened as it is, without the side files that SQLite would
    make. Raises `DamagedDatabase`, now or when it is read.
    """
    if not writable:
        return _connect_to_read(file)
    connection = _opened(file)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA busy_timeout=10000")
    # Rows lie in the order of their ids, which is none: pages are written again and again. 32 MB of them wait
    # in the side file until each goes to its place once.
    connection.execute("PRAGMA wal_autocheckpoint=8000")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN; {script} PRAGMA user_version={number}; COMMIT;")
    return connection


def files_of(file: Path) -> list[Path]:
    """The database and the side files that SQLite makes for it."""
    return [file, *(file.with_name(file.name + end) for end in ("-wal", "-shm", "-journal"))]


def check(connection: sqlite3.Connection, file: Path) -> None:
    """Reads all pages, and compares each index with its table. Raises `DamagedDatabase`."""
    (words,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if words != "ok":
        raise DamagedDatabase(file, " ".join(str(words).split()))


def _connect_to_read(file: Path) -> sqlite3.Connection:
    connection = _opened(file, "?mode=ro")
    try:
        connection.execute("SELECT count(*) FROM meta")
    except sqlite3.OperationalError:
        connection.close()
        connection = _opened(file, "?mode=ro&immutable=1")
    connection.execute("PRAGMA busy_timeout=10000")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for script in MIGRATIONS[version:]:
        # An older file, which a reader may not change: what it lacks is there for this connection alone.
        added, _, _ = script.partition("DROP TABLE")
        connection.executescript(added.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    return connection


def _opened(file: Path, query: str = "") -> _Connection:
    """A connection to a file of any name: as a URI, it has its `#`, `?` and `%` escaped."""
    connection = sqlite3.connect(
        file.absolute().as_uri() + query,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        factory=_Connection,
    )
    connection.file = file
    return connection
