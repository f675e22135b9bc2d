"""Triggers that we add to the server's database: there, and saying what this version wants them to say."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text


def ensure(connection: Connection, triggers: Mapping[str, str]) -> bool:
    """Makes those that are missing, or that another version of this package made otherwise.

    Tells whether there was one: then what they keep may have fallen behind, and is to be made anew.
    """
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    present: dict[str, str] = dict(rows.tuples().all())
    wanted = {name: f"CREATE TRIGGER {name} {body}" for name, body in triggers.items()}
    changed = sorted(name for name in wanted if present.get(name) != wanted[name])
    for name in changed:
        connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        connection.exec_driver_sql(wanted[name])
    return bool(changed)
