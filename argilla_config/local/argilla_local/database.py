"""Prepares the server's SQLite database: migration, repair after a crash, settings for many annotators."""

from __future__ import annotations

import alembic.config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from argilla_server.constants import DEFAULT_API_KEY, DEFAULT_PASSWORD, DEFAULT_USERNAME
from argilla_server.contexts import accounts
from argilla_server.database import ALEMBIC_CONFIG_FILE, AsyncSessionLocal, sync_engine
from argilla_server.models import User, UserRole, Workspace
from argilla_server.settings import settings
from sqlalchemy import NullPool, event, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from argilla_local import schema
from argilla_local.files import Credentials, DataFolderError

WORKSPACE = "argilla"
_CACHE_KIB = 64 * 1024
_MAPPED_BYTES = 512 * 1024 * 1024

# The server commits a response first and its record's status later, so a crash can happen in between.
_SETTLE_STATUSES = """
    WITH submitted AS MATERIALIZED (
        SELECT record_id, count(*) AS responses FROM responses WHERE status = 'submitted' GROUP BY record_id
    ), expected AS MATERIALIZED (
        SELECT records.id,
               CASE WHEN coalesce(responses, 0) >= json_extract(datasets.distribution, '$.min_submitted')
                    THEN 'completed' ELSE 'pending' END AS status
          FROM records JOIN datasets ON datasets.id = records.dataset_id
          LEFT JOIN submitted ON submitted.record_id = records.id
    )
    UPDATE records SET status = expected.status FROM expected
     WHERE expected.id = records.id AND expected.status <> records.status
"""


def prepare() -> None:
    """Migrates to the server's schema, adds the search tables, and repairs statuses after a crash.

    Raises `DataFolderError` if the file is not a database, is from a newer server, or cannot be written.
    """
    try:
        _check_version()
        _prepare()
    except DatabaseError as error:
        raise DataFolderError(
            f"the database in {settings.home_path} cannot be used: {error.orig}. Nothing was taken from it."
        ) from error


def _check_version() -> None:
    scripts = ScriptDirectory.from_config(alembic.config.Config(ALEMBIC_CONFIG_FILE))
    with sync_engine.connect() as connection:
        versions = MigrationContext.configure(connection).get_current_heads()
    for version in versions:
        try:
            scripts.get_revision(version)
        except CommandError:
            raise DataFolderError(
                f"the database in {settings.home_path} is of another version of Argilla's server (schema "
                f"{version}), which this one does not know. Nothing in it was changed. Serve it with the "
                "version that made it, or take another folder: --data."
            ) from None


def _prepare() -> None:
    alembic.config.main(argv=["-c", ALEMBIC_CONFIG_FILE, "upgrade", "head"])
    with sync_engine.connect() as connection:
        # Readers and a writer do not wait for each other. A commit is on disk when it returns.
        connection.execute(text("PRAGMA journal_mode = WAL"))
    with sync_engine.begin() as connection:
        schema.install(connection)
        connection.execute(text(_SETTLE_STATUSES))
    sync_engine.dispose()


def connect() -> None:
    """Opens a separate connection for each of the server's sessions, without its pool.

    The pool belongs to one event loop, but jobs run in another one. It has 15 connections, and some requests
    (a response, for example) need two: 15 such requests would wait for each other.
    """
    engine = create_async_engine(settings.database_url, poolclass=NullPool, **settings.database_engine_args)
    event.listen(engine.sync_engine, "connect", _tune)
    AsyncSessionLocal.configure(bind=engine)


def _tune(connection: object, entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    cursor.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
    cursor.close()


async def ensure_owner(credentials: Credentials) -> None:
    """Creates the owner's account and a first workspace. An existing owner gets these credentials."""
    async with AsyncSessionLocal() as session:
        public = await accounts.get_user_by_username(session, DEFAULT_USERNAME)
        if public and (
            public.api_key == DEFAULT_API_KEY
            or accounts.verify_password(DEFAULT_PASSWORD, public.password_hash)
        ):
            raise DataFolderError(
                f"this database has Argilla's default user {DEFAULT_USERNAME!r}, whose password is public. "
                "Change its password and API key, or remove it, before you serve this folder."
            )
        owner = await accounts.get_user_by_username(session, credentials.username)
        if owner is None:
            await User.create(
                session,
                first_name="Owner",
                username=credentials.username,
                role=UserRole.owner,
                password_hash=accounts.hash_password(credentials.password),
                api_key=credentials.api_key,
            )
            if await Workspace.get_by(session, name=WORKSPACE) is None:
                await accounts.create_workspace(session, {"name": WORKSPACE})
        elif owner.api_key != credentials.api_key:
            password_hash = accounts.hash_password(credentials.password)
            await owner.update(session, password_hash=password_hash, api_key=credentials.api_key)
