"""Which vectors have changed since when: a log in the server's own database that its triggers keep.

Each change of a vector counts its kind's version up by one, and notes that number with the record it belongs
to. So whoever knows the vectors up to a version finds what is newer without reading the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncSession

from argilla_local import triggers

_TABLES = (
    "CREATE TABLE IF NOT EXISTS argilla_local_vector_versions "
    "(vector_settings_id CHAR(32) PRIMARY KEY, version INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS argilla_local_vector_changes "
    "(vector_settings_id CHAR(32) NOT NULL, record_id CHAR(32) NOT NULL, version INTEGER NOT NULL, "
    "PRIMARY KEY (vector_settings_id, record_id)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS ix_argilla_local_vector_changes_version "
    "ON argilla_local_vector_changes (vector_settings_id, version)",
)
_LOG = """
    BEGIN
        INSERT INTO argilla_local_vector_versions VALUES ({vector}.vector_settings_id, 1)
        ON CONFLICT (vector_settings_id) DO UPDATE SET version = version + 1;
        INSERT INTO argilla_local_vector_changes
        SELECT vector_settings_id, {vector}.record_id, version FROM argilla_local_vector_versions
         WHERE vector_settings_id = {vector}.vector_settings_id
        ON CONFLICT (vector_settings_id, record_id) DO UPDATE SET version = excluded.version;
    END
"""
_LOG_NEW, _LOG_OLD = _LOG.format(vector="NEW").strip(), _LOG.format(vector="OLD").strip()
_TRIGGERS = {
    "argilla_local_vector_added": f"AFTER INSERT ON vectors {_LOG_NEW}",
    "argilla_local_vector_changed": f"AFTER UPDATE ON vectors {_LOG_NEW}",
    "argilla_local_vector_moved": f"AFTER UPDATE OF record_id, vector_settings_id ON vectors {_LOG_OLD}",
    "argilla_local_vector_removed": f"AFTER DELETE ON vectors {_LOG_OLD}",
}
# Every vector, as if it had changed just now, one after another.
_LOG_ALL = (
    "DELETE FROM argilla_local_vector_changes",
    "INSERT INTO argilla_local_vector_changes "
    "SELECT vectors.vector_settings_id, record_id, coalesce(version, 0) "
    "+ row_number() OVER (PARTITION BY vectors.vector_settings_id ORDER BY vectors.rowid) "
    "FROM vectors LEFT JOIN argilla_local_vector_versions AS known "
    "ON known.vector_settings_id = vectors.vector_settings_id",
    "INSERT INTO argilla_local_vector_versions "
    "SELECT vector_settings_id, max(version) FROM argilla_local_vector_changes WHERE true "
    "GROUP BY vector_settings_id "
    "ON CONFLICT (vector_settings_id) DO UPDATE SET version = excluded.version",
)
# That a vector has gone is news only to a process that had read it.
_FORGET_GONE = (
    "DELETE FROM argilla_local_vector_changes WHERE NOT EXISTS (SELECT 1 FROM vectors "
    "WHERE vectors.record_id = argilla_local_vector_changes.record_id "
    "AND vectors.vector_settings_id = argilla_local_vector_changes.vector_settings_id)"
)
_NEWER = text(
    "SELECT changes.version, changes.record_id, vectors.value "
    "FROM argilla_local_vector_changes AS changes LEFT JOIN vectors "
    "ON vectors.record_id = changes.record_id AND vectors.vector_settings_id = changes.vector_settings_id "
    "WHERE changes.vector_settings_id = :kind AND changes.version > :version "
    "ORDER BY changes.version LIMIT :limit"
)


@dataclass(frozen=True)
class Change:
    """`value` is the vector as JSON; None where it has gone."""

    version: int
    record_id: str
    value: str | None


def install(connection: Connection) -> None:
    """Makes tables and triggers, and logs every vector where they were not there."""
    for statement in _TABLES:
        connection.execute(text(statement))
    statements = _LOG_ALL if triggers.ensure(connection, _TRIGGERS) else (_FORGET_GONE,)
    for statement in statements:
        connection.execute(text(statement))


async def newer(session: AsyncSession, kind: str, version: int, limit: int) -> Sequence[Change]:
    """The first `limit` changes of vectors of `kind` (a settings id in hex) after `version`, in order."""
    rows = await session.execute(_NEWER, {"kind": kind, "version": version, "limit": limit})
    return [Change(*row) for row in rows]
