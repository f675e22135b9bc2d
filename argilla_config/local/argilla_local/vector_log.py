"""A log of changed vectors, in the server's own database. Triggers write it.

Each change of a vector increases the version of its kind by one, and the log stores this number with the
record. A reader that knows the vectors up to one version reads only the newer ones.
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
# Logs every vector as changed now, one after another.
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
# A removed vector matters only to a process that has read it. At the start, no process has.
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
    """`value` is the vector as JSON; None if it was removed."""

    version: int
    record_id: str
    value: str | None


def install(connection: Connection) -> None:
    """Creates tables and triggers, and logs every vector if they are new."""
    for statement in _TABLES:
        connection.execute(text(statement))
    statements = _LOG_ALL if triggers.ensure(connection, _TRIGGERS) else (_FORGET_GONE,)
    for statement in statements:
        connection.execute(text(statement))


async def newer(session: AsyncSession, kind: str, version: int, limit: int) -> Sequence[Change]:
    """The first `limit` changes of vectors of `kind` (a settings id in hex) after `version`, in order."""
    rows = await session.execute(_NEWER, {"kind": kind, "version": version, "limit": limit})
    return [Change(*row) for row in rows]
