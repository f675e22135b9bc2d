"""The SQLite file of a run: rows as they stand, and where each reply lies in the journal.

All of it is derived: a run without this file makes it again from the journal, and asks nobody.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

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
)


def connect(file: Path, *, writable: bool) -> sqlite3.Connection:
    """Opens the database, made or migrated first where `writable`.

    A database in a folder that cannot be written is opened as it is, without the side files that
    SQLite would make.
    """
    if not writable:
        return _connect_to_read(file)
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
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


def _connect_to_read(file: Path) -> sqlite3.Connection:
    uri = f"file:{file}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM meta")
    except sqlite3.OperationalError:
        connection.close()
        connection = sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
    connection.execute("PRAGMA busy_timeout=10000")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for script in MIGRATIONS[version:]:
        # An older file, which a reader may not change: what it lacks is there for this connection alone.
        connection.executescript(script.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    return connection
