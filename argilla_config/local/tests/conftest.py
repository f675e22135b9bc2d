"""A small dataset in a database with the server's schema, as the server would have written it."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

collect_ignore = ["run_server_suite.py", "server_suite_fixtures.py"]

# The server makes its home folder when it is imported, and this must not be the user's.
os.environ["ARGILLA_HOME_PATH"] = tempfile.mkdtemp(prefix="argilla-local-tests-")
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

if TYPE_CHECKING:
    from argilla_local.engine import SqliteSearchEngine
    from argilla_server.models import Dataset, Record, User
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

TEXTS = {
    "alpha": "The red fox can't cross the river",
    "beta": "A river of red wine",
    "gamma": "Blue whales, foxes and wine-glasses",
    "delta": "日本語のテキスト 🎉 done",
    "empty": "nothing of the kind",
}
METADATA: dict[str, dict[str, Any]] = {
    "alpha": {"stage": "draft", "score": 0.1, "words": 7, "tags": ["x", "y"]},
    "beta": {"stage": "final", "score": 2.5, "words": 5, "tags": ["y"]},
    "gamma": {"stage": "draft", "score": 4.75, "words": 6, "tags": ["z"]},
    "delta": {"stage": None, "score": 3.3},
}
VECTORS = {"alpha": [1.0, 0.0], "beta": [1.0, 0.1], "gamma": [-1.0, 0.0], "delta": [0.0, 0.0]}


@dataclass
class World:
    """A database, our engine over it, and one dataset of five records with ann's and bob's responses."""

    database: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    engine: SqliteSearchEngine
    loop: asyncio.AbstractEventLoop
    dataset: Dataset = field(init=False)
    records: dict[str, Record] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def search(self, query: Any = None, **named: Any) -> list[str]:
        """The names of the records found, in order."""
        return self.names(self.run(self.engine.search(self.dataset, query, **named)))

    def names(self, responses: Any) -> list[str]:
        by_id = {record.id: name for name, record in self.records.items()}
        return [by_id[item.record_id] for item in responses.items]

    def change(self, *objects: Any) -> None:
        async def save() -> None:
            async with self.sessions() as session:
                for each in objects:
                    await session.merge(each)
                await session.commit()

        self.run(save())


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """For tests that only read."""
    yield from _world(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def own_world(tmp_path: Path) -> Iterator[World]:
    """For a test that changes it."""
    yield from _world(tmp_path)


def _world(folder: Path) -> Iterator[World]:
    loop = asyncio.new_event_loop()
    made = loop.run_until_complete(_make(folder / "test.db", loop))
    yield made
    loop.run_until_complete(made.database.dispose())
    loop.close()


async def _make(path: Path, loop: asyncio.AbstractEventLoop) -> World:
    from argilla_local import schema
    from argilla_local.engine import SqliteSearchEngine
    from argilla_server.models.base import DatabaseModel
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    database = create_async_engine(f"sqlite+aiosqlite:///{path}")
    async with database.begin() as connection:
        await connection.run_sync(DatabaseModel.metadata.create_all)
        await connection.run_sync(schema.install)
    sessions = async_sessionmaker(bind=database, expire_on_commit=False)
    world = World(database, sessions, SqliteSearchEngine(sessions), loop)
    async with sessions() as session:
        await _fill(world, session)
        await session.commit()
    return world


async def _fill(world: World, session: AsyncSession) -> None:
    from argilla_server.enums import DatasetStatus, ResponseStatus
    from argilla_server.models import (
        Dataset,
        Field,
        MetadataProperty,
        Question,
        Record,
        Response,
        Suggestion,
        User,
        Vector,
        VectorSettings,
        Workspace,
    )

    workspace = Workspace(name="w")
    world.users = {name: User(first_name=name, username=name, password_hash="-") for name in ("ann", "bob")}
    options = [{"value": value} for value in range(1, 6)]
    questions = {
        "rating": Question(name="rating", title="r", settings={"type": "rating", "options": options}),
        "labels": Question(
            name="labels", title="l", settings={"type": "multi_label_selection", "options": []}
        ),
    }
    kinds = {"stage": "terms", "tags": "terms", "score": "float", "words": "integer"}
    world.dataset = dataset = Dataset(
        name="d",
        workspace=workspace,
        status=DatasetStatus.ready,
        distribution={"strategy": "overlap", "min_submitted": 1},
        fields=[
            Field(name="text", title="t", settings={"type": "text"}),
            Field(name="title", title="t", settings={"type": "text"}),
            Field(name="chat", title="c", settings={"type": "chat"}),
            Field(name="data", title="d", settings={"type": "custom"}),
            Field(name="picture", title="p", settings={"type": "image"}),
        ],
        questions=list(questions.values()),
        metadata_properties=[
            MetadataProperty(name=n, title=n, settings={"type": k}) for n, k in kinds.items()
        ],
        vectors_settings=[VectorSettings(name="v", title="v", dimensions=2)],
    )
    session.add_all([dataset, *world.users.values()])
    await session.flush()
    for name, text in TEXTS.items():
        record = Record(
            dataset_id=dataset.id, external_id=name, fields={"text": text}, metadata_=METADATA.get(name)
        )
        world.records[name] = record
        session.add(record)
        await session.flush()
    for name, value in VECTORS.items():
        settings = dataset.vectors_settings[0]
        session.add(Vector(record_id=world.records[name].id, vector_settings_id=settings.id, value=value))
    given = [
        ("alpha", "ann", ResponseStatus.submitted, {"rating": {"value": 1}, "labels": {"value": ["p", "q"]}}),
        ("alpha", "bob", ResponseStatus.submitted, {"rating": {"value": 5}}),
        ("beta", "ann", ResponseStatus.draft, {"rating": {"value": 2}, "labels": {"value": ["q"]}}),
        ("gamma", "bob", ResponseStatus.discarded, None),
    ]
    for name, user, status, values in given:
        user_id, record_id = world.users[user].id, world.records[name].id
        session.add(Response(record_id=record_id, user_id=user_id, status=status, values=values))
    suggested = [
        ("alpha", "rating", 4, 0.9, "gpt"),
        ("beta", "rating", 2, 0.2, "rules"),
        ("gamma", "labels", ["p", "r"], [0.7, 0.1], "gpt"),
    ]
    for name, question, value, score, agent in suggested:
        session.add(
            Suggestion(
                record_id=world.records[name].id,
                question_id=questions[question].id,
                value=value,
                score=score,
                agent=agent,
            )
        )
