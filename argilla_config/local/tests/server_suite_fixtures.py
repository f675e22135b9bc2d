"""Fixtures that put our engine where Argilla's own tests expect Elasticsearch.

Their tests write responses and documents into Elasticsearch with its client. `IndexStandIn` takes those
calls and writes the same into the database, as the server would have; it answers nothing about an index.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import fakeredis
import pytest
import pytest_asyncio
from argilla_local import schema
from argilla_local.engine import SqliteSearchEngine
from argilla_server.jobs.queues import REDIS_CONNECTION
from argilla_server.search_engine import SearchEngine
from opensearchpy.serializer import JSONSerializer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from tests.database import TestSession

REDIS_CONNECTION.connection_pool = fakeredis.FakeRedis().connection_pool
ANSWERS = SearchEngine.__abstractmethods__ & {
    "search",
    "similarity_search",
    "compute_metrics_for",
    "get_dataset_progress",
    "get_dataset_user_progress",
}
REACHED: set[str] = set()


class ReportedEngine(SqliteSearchEngine):
    """Ours, noting the test that it gave an answer to."""

    test = ""

    def __getattribute__(self, name: str) -> Any:
        if name in ANSWERS:
            REACHED.add(self.test)
        return super().__getattribute__(name)

    async def _bulk_op_request(self, actions: list[dict[str, Any]]) -> None:
        """Their way to put vectors into the index, which are in the database by then."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.write_line(f"{len(REACHED)} tests got answers from our engine")


@asynccontextmanager
async def sessions() -> AsyncIterator[AsyncSession]:
    yield TestSession()


class IndexStandIn:
    """The calls of `opensearchpy.OpenSearch` by which the tests change what is searched."""

    def __init__(self) -> None:
        self.database: sqlite3.Connection | None = None
        self.indices = self
        self.transport = self
        self.serializer = JSONSerializer()

    def create(self, index: str, body: dict[str, Any]) -> None: ...
    def delete(self, index: str) -> None: ...
    def refresh(self, index: str) -> None: ...

    @property
    def _rows(self) -> sqlite3.Connection:
        assert self.database is not None
        return self.database

    def bulk(self, body: str, **_: Any) -> dict[str, Any]:
        lines = [json.loads(line) for line in body.splitlines()]
        items = []
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            record_id = action["index"]["_id"]
            changed = (json.dumps(document["fields"]), uuid.UUID(record_id).hex)
            self._rows.execute("UPDATE records SET fields = ? WHERE id = ?", changed)
            items.append({"index": {"_id": record_id, "status": 200}})
        return {"errors": False, "items": items}

    def get(self, index: str, id: uuid.UUID) -> dict[str, Any]:
        return {"_source": {"responses": []}}

    def update(self, index: str, id: uuid.UUID, body: dict[str, Any]) -> None:
        """Adds responses; where a user already gave one, the new one replaces it, as in the database."""
        for response in body["doc"]["responses"]:
            self._rows.execute(
                'INSERT INTO responses (id, "values", status, record_id, user_id, inserted_at, updated_at) '
                "VALUES (?, ?, ?, ?, ?, datetime(), datetime()) ON CONFLICT (record_id, user_id) "
                'DO UPDATE SET status = excluded.status, "values" = excluded."values"',
                (
                    uuid.UUID(response["id"]).hex,
                    json.dumps({"rating": {"value": response["rating"]}}),
                    response["status"],
                    id.hex,
                    uuid.UUID(response["user_id"]).hex,
                ),
            )


@pytest.fixture(scope="session", autouse=True)
def opensearch() -> IndexStandIn:
    return IndexStandIn()


@pytest_asyncio.fixture(autouse=True)
async def installed(connection: AsyncConnection, opensearch: IndexStandIn, db: AsyncSession) -> None:
    await connection.run_sync(schema.install)
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    opensearch.database = driver._conn


@pytest.fixture
def search_engine(request: pytest.FixtureRequest) -> SqliteSearchEngine:
    engine = ReportedEngine(sessions)
    engine.test = request.node.nodeid
    return engine


@pytest.fixture
def mock_search_engine(mocker: Any, request: pytest.FixtureRequest) -> Any:
    """Our engine, where a test of the API does not say itself what the engine is to answer."""
    engine = ReportedEngine(sessions)
    engine.test = request.node.nodeid

    def asked(name: str) -> Any:
        async def answer(*arguments: Any, **named: Any) -> Any:
            return await getattr(engine, name)(*arguments, **named)

        return answer

    mock = mocker.AsyncMock(SearchEngine)
    for name in SearchEngine.__abstractmethods__ - {"new_instance", "close"}:
        setattr(mock, name, mocker.AsyncMock(wraps=asked(name)))
    return mock
