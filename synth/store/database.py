"""The SQLite file of a run: its rows, and the position of each reply in the journal.

The database is derived data: a run without it rebuilds it from the journal, without any request.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synth.errors import MachineError

# Append only: a script's position in this list is the schema version that it migrates to.
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
    # Rows after people's decisions; `rows` keeps them as the stages left them. `person` is 1 if somebody
    # decided on the row itself: such a row is never superseded.
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


# SQLite's error codes for a damaged file. All statements are fixed, so `SQLITE_ERROR` means that a table is
# missing, or that a text in it is not JSON.
_DAMAGE = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_TOOBIG,
}


class DamagedDatabase(MachineError):
    """The database is damaged. It is derived data, so `synth run` rebuilds it."""

    def __init__(self, file: Path, words: str) -> None:
        super().__init__(
            f"is damaged ({words}).",
            where=str(file),
            hint="Run the recipe again: the rows are made again from the journal of replies, and nothing that"
            " was answered is asked twice. If the error stays, delete this file first.",
        )


class _Connection(sqlite3.Connection):
    """A connection that raises `DamagedDatabase` if the file is damaged."""

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
            # An error without a code means a text that is not UTF-8.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
            if code & 0xFF not in _DAMAGE:
                raise
            raise DamagedDatabase(self.connection.file, str(error)) from None


def connect(file: Path, *, writable: bool) -> sqlite3.Connection:
    """Opens the database. If `writable`, makes or migrates it first.

    In a read-only folder, the database is opened without the side files (`-wal`, `-shm`) that SQLite would
    make. Raises `DamagedDatabase`, here or later when the database is read.
    """
    if not writable:
        return _connect_to_read(file)
    connection = _opened(file)
    connection.execute("PRAGMA journal_mode=WAL")
    # A power loss may take the last commits: they are made again from the journal.
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA busy_timeout=10000")
    # Rows are stored by id, which is a hash, so writes hit random pages. 32 MB of pages wait
    # in the write-ahead log, so that each is written to its place only once.
    connection.execute("PRAGMA wal_autocheckpoint=8000")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        # One transaction, so that a kill leaves the file at one version or the next.
        connection.executescript(f"BEGIN; {script} PRAGMA user_version={number}; COMMIT;")
    return connection


def files_of(file: Path) -> list[Path]:
    """The database file and SQLite's side files for it."""
    return [file, *(file.with_name(file.name + end) for end in ("-wal", "-shm", "-journal"))]


def check(connection: sqlite3.Connection, file: Path) -> None:
    """Reads all pages and compares each index with its table. Raises `DamagedDatabase`."""
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
        # An older file that a reader may not migrate: the missing tables exist only in this connection.
        added, _, _ = script.partition("DROP TABLE")
        connection.executescript(added.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    return connection


def _opened(file: Path, query: str = "") -> _Connection:
    """Connects to a file of any name: `#`, `?` and `%` are escaped in its URI."""
    connection = sqlite3.connect(
        file.absolute().as_uri() + query,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        factory=_Connection,
    )
    connection.file = file
    return connection
