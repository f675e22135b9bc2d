"""What we add to the server's database."""

from __future__ import annotations

from sqlalchemy import Connection

from argilla_local import text_index, vector_log


def install(connection: Connection) -> None:
    """Makes the full-text index and the log of vectors; fills them where they are not there yet."""
    text_index.install(connection)
    vector_log.install(connection)
