"""Exact nearest neighbours among the vectors in the server's database.

All vectors of one kind are one matrix in memory, with 4 bytes per number. Every search first reads the
vectors that have changed (`vector_log`), so a matrix is never older than the database.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from argilla_server.models import VectorSettings
from numpy.typing import NDArray
from pydantic_core import from_json
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from argilla_local.vector_log import Change, newer

MAX_MATRICES = 8
_PAGE = 1000
"""Vectors per read. A number takes about 20 bytes of JSON, and other requests wait during a read."""


@dataclass(frozen=True)
class Matrix:
    """Unit vectors, one per row: (n, dimensions), float32; and the ids of their records: (n,)."""

    version: int
    record_ids: NDArray[np.str_]
    units: NDArray[np.float32]

    def similarities(self, value: Sequence[float]) -> NDArray[np.float32]:
        """The cosine of every row with `value`: (n,), from -1 to 1; 0 for a vector of zeros."""
        return self.units @ _units(np.asarray([value], dtype=np.float32))[0]


@dataclass
class _Kept:
    """A matrix, and the lock for its update. A search that waited for the lock has nothing left to read."""

    matrix: Matrix
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class VectorCache:
    """The most recently used matrices. Each is brought up to date when it is requested."""

    def __init__(self, sessions: Callable[[], AbstractAsyncContextManager[AsyncSession]]) -> None:
        self._sessions = sessions
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()
        self._ahead: dict[UUID, asyncio.Task[None]] = {}

    async def matrix(self, session: AsyncSession, settings: VectorSettings) -> Matrix:
        """The vectors of `settings`. Reads only those that have changed."""
        kept = self._kept.setdefault(settings.id, _Kept(_empty(settings.dimensions)))
        self._kept.move_to_end(settings.id)
        while len(self._kept) > MAX_MATRICES:
            self._kept.popitem(last=False)
        async with kept.reading:
            kept.matrix = await _up_to_date(session, kept.matrix, settings)
        return kept.matrix

    def read_ahead(self, dataset_id: UUID) -> None:
        """Starts to read the vectors of a dataset, unless it has done so since their last possible change."""
        if dataset_id not in self._ahead:
            self._ahead[dataset_id] = asyncio.create_task(self._read_all(dataset_id))

    def may_have_changed(self, dataset_id: UUID) -> None:
        """Makes the next `read_ahead` of this dataset read again."""
        task = self._ahead.get(dataset_id)
        if task is not None and task.done():
            del self._ahead[dataset_id]

    async def _read_all(self, dataset_id: UUID) -> None:
        async with self._sessions() as session:
            of_dataset = select(VectorSettings).where(VectorSettings.dataset_id == dataset_id)
            for settings in (await session.scalars(of_dataset.limit(MAX_MATRICES))).all():
                await self.matrix(session, settings)


async def _up_to_date(session: AsyncSession, known: Matrix, settings: VectorSettings) -> Matrix:
    """`known` with all later changes. Reads page by page, so that only one page of JSON is in memory."""
    version, pages = known.version, []
    while True:
        changes = await newer(session, settings.id.hex, version, _PAGE)
        if changes:
            pages.append(await asyncio.to_thread(_page, changes, settings.dimensions))
            version = changes[-1].version
        if len(changes) < _PAGE:
            break
    return await asyncio.to_thread(_merge, known, pages, version) if pages else known


@dataclass(frozen=True)
class _Page:
    """Changes of vectors: their records, their new values, and whether they still exist."""

    record_ids: list[str]
    units: NDArray[np.float32]
    there: list[bool]


def _page(changes: Sequence[Change], dimensions: int) -> _Page:
    values = np.zeros((len(changes), dimensions), dtype=np.float32)
    for row, change in enumerate(changes):
        if change.value is not None:
            values[row] = from_json(change.value)
    return _Page(
        [change.record_id for change in changes],
        _units(values),
        [change.value is not None for change in changes],
    )


def _merge(known: Matrix, pages: Sequence[_Page], version: int) -> Matrix:
    """If a record appears several times, the last change counts."""
    record_ids = [*known.record_ids.tolist(), *(each for page in pages for each in page.record_ids)]
    there = [*([True] * len(known.record_ids)), *(each for page in pages for each in page.there)]
    units = np.concatenate([known.units, *(page.units for page in pages)])
    last = {record_id: row for row, record_id in enumerate(record_ids)}
    rows = [row for row in last.values() if there[row]]
    if len(rows) < len(units):
        units = units[rows]
    return Matrix(version, np.array([record_ids[row] for row in rows], dtype="U32"), units)


def _empty(dimensions: int) -> Matrix:
    return Matrix(0, np.empty(0, dtype="U32"), np.empty((0, dimensions), dtype=np.float32))


def _units(values: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)
