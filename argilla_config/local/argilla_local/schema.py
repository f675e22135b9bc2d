"""Our additions to the server's database."""

from __future__ import annotations

from sqlalchemy import Connection

from argilla_local import text_index, vector_log


def install(connection: Connection) -> None:
    """Creates the full-text index and the log of vectors, and fills them if they are new."""
    text_index.install(connection)
    vector_log.install(connection)
