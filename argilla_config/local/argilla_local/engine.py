"""A search engine for Argilla without data of its own: it answers every search from the server's database.

So there is no copy to update, to reindex or to lose. The methods that report changes to Elasticsearch do
nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import numpy as np
from argilla_server.enums import MetadataPropertyType, SimilarityOrder
from argilla_server.models import (
    Dataset,
    MetadataProperty,
    Record,
    Response,
    Suggestion,
    User,
    Vector,
    VectorSettings,
)
from argilla_server.search_engine import (
    Filter,
    FloatMetadataMetrics,
    IntegerMetadataMetrics,
    MetadataMetrics,
    Order,
    SearchEngine,
    SearchResponseItem,
    SearchResponses,
    TermsMetrics,
    TextQuery,
)
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Subquery,
    func,
    literal,
    literal_column,
    select,
    true,
    type_coerce,
)
from sqlalchemy.ext.asyncio import AsyncSession

from argilla_local import text_index
from argilla_local.conditions import DatasetSchema, OrderKey, condition, orders
from argilla_local.query_string import Query, parse
from argilla_local.values import JsonValues, Kind, float32
from argilla_local.vectors import VectorCache

NAME = "sqlite"
_RECORD_ID = type_coerce(Record.id, String)
_NUMERIC_METRICS = {
    MetadataPropertyType.integer: (Kind.INTEGER, IntegerMetadataMetrics),
    MetadataPropertyType.float: (Kind.FLOAT, FloatMetadataMetrics),
}
_PRIME = 2**31 - 1


class SqliteSearchEngine(SearchEngine):
    """Searches the server's database, after `schema.install` was called on it. `sessions` opens sessions.

    With `reads_ahead`, listing a dataset also starts to read its vectors, so that the first "find similar" is
    fast.
    """

    def __init__(
        self,
        sessions: Callable[[], AbstractAsyncContextManager[AsyncSession]],
        *,
        reads_ahead: bool = False,
    ) -> None:
        self._sessions = sessions
        self._reads_ahead = reads_ahead
        self._vectors = VectorCache(sessions)

    @classmethod
    async def new_instance(cls) -> SearchEngine:
        raise NotImplementedError("register_engine registers an engine that is already there")

    async def close(self) -> None:
        """Does nothing: nothing is open between two calls."""

    async def ping(self) -> bool:
        async with self._sessions() as session:
            return bool(await session.scalar(select(literal(1))))

    async def info(self) -> dict[str, Any]:
        async with self._sessions() as session:
            return {"name": NAME, "version": {"number": await session.scalar(select(func.sqlite_version()))}}

    # These methods do nothing, because this engine reads the changes from the server's database.
    async def create_index(self, dataset: Dataset) -> None: ...
    async def delete_index(self, dataset: Dataset) -> None: ...
    async def configure_metadata_property(
        self, dataset: Dataset, metadata_property: MetadataProperty
    ) -> None: ...
    async def configure_index_vectors(self, vector_settings: VectorSettings) -> None: ...
    async def partial_record_update(self, record: Record, **update: Any) -> None: ...
    async def delete_records(self, dataset: Dataset, records: Iterable[Record]) -> None: ...
    async def update_record_response(self, response: Response) -> None: ...
    async def delete_record_response(self, response: Response) -> None: ...
    async def update_record_suggestion(self, suggestion: Suggestion) -> None: ...
    async def delete_record_suggestion(self, suggestion: Suggestion) -> None: ...

    async def index_records(self, dataset: Dataset, records: Iterable[Record]) -> None:
        self._vectors.may_have_changed(dataset.id)

    async def get_dataset_progress(self, dataset: Dataset) -> dict[str, int]:
        status = type_coerce(Record.status, String)
        counts = select(status, func.count()).where(Record.dataset_id == dataset.id).group_by(status)
        return await self._counts(dataset, counts)

    async def get_dataset_user_progress(self, dataset: Dataset, user: User) -> dict[str, int]:
        status = type_coerce(Response.status, String)
        counts = (
            select(status, func.count())
            .join(Record, Record.id == Response.record_id)
            .where(Record.dataset_id == dataset.id, Response.user_id == user.id)
            .group_by(status)
        )
        return await self._counts(dataset, counts)

    async def _counts(self, dataset: Dataset, counts: Any) -> dict[str, int]:
        if dataset.is_draft:
            return {}
        async with self._sessions() as session:
            by_status: dict[str, int] = dict((await session.execute(counts)).tuples().all())
        return {"total": sum(by_status.values()), **by_status}

    async def search(
        self,
        dataset: Dataset,
        query: TextQuery | str | None = None,
        filter: Filter | None = None,
        sort: list[Order] | None = None,
        offset: int = 0,
        limit: int = 100,
        user_id: UUID | None = None,
    ) -> SearchResponses:
        """Sorted by `sort`; else by relevance, or shuffled for a `user_id`, in a fixed order per user."""
        if self._reads_ahead:
            self._vectors.read_ahead(dataset.id)
        async with self._sessions() as session:
            schema = await DatasetSchema.load(session, dataset)
            tree, field = _read_query(dataset, query)
            where = await _where(session, schema, dataset, query, filter)
            ranks = None if sort else await _ranks(session, tree, field)
            rows = (await session.execute(_page(schema, where, sort, ranks, user_id, offset, limit))).all()
            total = rows[0].total if rows else await session.scalar(select(func.count()).where(*where))
        items = [SearchResponseItem(record_id=UUID(row.record_id), score=row.score) for row in rows]
        return SearchResponses(items=items, total=total)

    async def similarity_search(
        self,
        dataset: Dataset,
        vector_settings: VectorSettings,
        value: list[float] | None = None,
        record: Record | None = None,
        query: TextQuery | str | None = None,
        filter: Filter | None = None,
        max_results: int = 100,
        order: SimilarityOrder = SimilarityOrder.most_similar,
        threshold: float | None = None,
    ) -> SearchResponses:
        """Exact cosine search. Scores are from 0 to 1; 1 is the most similar (or the least, by `order`)."""
        if bool(value) == bool(record):
            raise ValueError("Must provide either vector value or record to compute the similarity search")
        async with self._sessions() as session:
            if record is not None:
                value = await _vector_of(session, record, vector_settings)
            if not value:
                raise ValueError("Cannot find a vector value to apply with provided info")
            matrix = await self._vectors.matrix(session, vector_settings)
            candidates: NDArray[np.bool_] = np.ones(len(matrix.record_ids), dtype=bool)
            if query or filter:
                schema = await DatasetSchema.load(session, dataset)
                where = await _where(session, schema, dataset, query, filter)
                passing = list(await session.scalars(select(_RECORD_ID).where(*where)))
                candidates &= np.isin(matrix.record_ids, np.array(passing, dtype="U32"))
            if record is not None:
                candidates &= matrix.record_ids != record.id.hex
        sign = -1 if order == SimilarityOrder.least_similar else 1
        scores = (1 + sign * matrix.similarities(value)) / 2
        chosen = np.flatnonzero(candidates)
        best = chosen[np.argsort(-scores[chosen], kind="stable")][:max_results]
        items = [
            SearchResponseItem(record_id=UUID(str(matrix.record_ids[row])), score=float(scores[row]))
            for row in best
            if threshold is None or scores[row] >= threshold
        ]
        return SearchResponses(items=items, total=len(best))

    async def compute_metrics_for(self, metadata_property: MetadataProperty) -> MetadataMetrics:
        numeric = _NUMERIC_METRICS.get(metadata_property.type)
        kind = numeric[0] if numeric else Kind.KEYWORD
        each, value = JsonValues(Record.metadata_, f'$."{metadata_property.name}"', kind).rows()
        of_dataset = (Record.dataset_id == metadata_property.dataset_id, value.is_not(None))
        async with self._sessions() as session:
            if numeric:
                ends = select(func.min(value), func.max(value)).select_from(Record).join(each, true())
                low, high = (await session.execute(ends.where(*of_dataset))).one()
                if kind is Kind.FLOAT and low is not None:
                    low, high = float32(low), float32(high)
                return numeric[1](min=low, max=high)
            count = func.count()
            terms = select(value, count).select_from(Record).join(each, true()).where(*of_dataset)
            rows = (await session.execute(terms.group_by(value).order_by(count.desc(), value))).all()
        counts = [TermsMetrics.TermCount(term=term, count=times) for term, times in rows]
        return TermsMetrics(total=sum(one.count for one in counts), values=counts)


def register_engine(engine: SqliteSearchEngine) -> None:
    """Registers `engine` as the one for `ARGILLA_SEARCH_ENGINE=sqlite`."""

    class Registered:
        @classmethod
        async def new_instance(cls) -> SqliteSearchEngine:
            return engine

    SearchEngine.register(NAME)(Registered)


def _read_query(dataset: Dataset, query: TextQuery | str | None) -> tuple[Query | None, str | None]:
    if query is None:
        return None, None
    text, field = (query, None) if isinstance(query, str) else (query.q, query.field)
    if field and dataset.field_by_name(field) is None:
        raise ValueError(f"Field {field} not found in dataset {dataset.id}")
    return parse(text), field or None


async def _ranks(session: AsyncSession, tree: Query | None, field: str | None) -> Subquery | None:
    ranked = await text_index.scores(session, tree, field) if tree else None
    return None if ranked is None else ranked.subquery("ranks")


def _page(
    schema: DatasetSchema,
    where: Sequence[ColumnElement[bool]],
    sort: list[Order] | None,
    ranks: Subquery | None,
    user_id: UUID | None,
    offset: int,
    limit: int,
) -> Select[Any]:
    """(record_id, score, total) of the records from `offset` on; `total` counts those that pass `where`.

    A common table expression finds the matches once. A window function would sort all of them for the first
    page.
    """
    score: ColumnElement[Any] = literal(None)
    keys = list(orders(schema, sort)) if sort else []
    found = select(_RECORD_ID.label("record_id"), Record.inserted_at.label("inserted_at")).where(*where)
    if not sort:
        score = literal(1.0) if ranks is None else func.coalesce(ranks.c.score, 1.0)
        if ranks is not None:
            found = found.join(ranks, ranks.c.record_id == _RECORD_ID, isouter=True)
        if user_id is not None:
            score = score * _shuffle(user_id)
        keys = [OrderKey(score, ascending=False)]
    named = [key.value.label(f"key_{index}") for index, key in enumerate(keys)]
    hits = found.add_columns(score.label("score"), *named).cte("hits")
    total = select(func.count()).select_from(hits).scalar_subquery()
    ordered = [key.ordering(hits.c[f"key_{index}"]) for index, key in enumerate(keys)]
    page = select(hits.c.record_id, hits.c.score, total.label("total"))
    return page.order_by(*ordered, hits.c.inserted_at, hits.c.record_id).offset(offset).limit(limit)


async def _where(
    session: AsyncSession,
    schema: DatasetSchema,
    dataset: Dataset,
    query: TextQuery | str | None,
    filter_: Filter | None,
) -> Sequence[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [Record.dataset_id == dataset.id]
    if query is not None:
        tree, field = _read_query(dataset, query)
        matching = (
            literal(False) if tree is None else await text_index.matches(session, tree, _RECORD_ID, field)
        )
        where.append(matching)
    if filter_ is not None:
        where.append(condition(schema, filter_))
    return where


def _shuffle(user_id: UUID) -> ColumnElement[float]:
    """A number from 0 to 1 for every record: two rounds of arithmetic modulo a prime, seeded by the user.

    Each annotator gets the records in a different order, so that together they soon cover all of them.
    """
    factor, shift = 1 + user_id.int % (_PRIME - 1), (user_id.int >> 64) % _PRIME
    first = f"((records.rowid % {_PRIME} * {factor} + {shift}) % {_PRIME})"
    return literal_column(f"(({first} * ({first} % 65521 + 1)) % {_PRIME} / {float(_PRIME)})")


async def _vector_of(session: AsyncSession, record: Record, settings: VectorSettings) -> list[float] | None:
    value: list[float] | None = await session.scalar(
        select(Vector.value).where(Vector.record_id == record.id, Vector.vector_settings_id == settings.id)
    )
    return value
