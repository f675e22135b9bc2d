"""Adds triggers to the server's database, and replaces those of another version of this package."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text


def ensure(connection: Connection, triggers: Mapping[str, str]) -> bool:
    """Creates the triggers that are missing or different. Returns whether there was such a trigger.

    If so, the tables that they maintain may have missed changes, and the caller must fill them again.
    """
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    present: dict[str, str] = dict(rows.tuples().all())
    wanted = {name: f"CREATE TRIGGER {name} {body}" for name, body in triggers.items()}
    changed = sorted(name for name in wanted if present.get(name) != wanted[name])
    for name in changed:
        connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        connection.exec_driver_sql(wanted[name])
    return bool(changed)
