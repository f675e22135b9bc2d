"""Exact nearest neighbours among the vectors that the server's database holds.

The vectors of one kind are kept in memory as one matrix, 4 bytes a number. Triggers count every change of
them (`text_index`), and a search compares that count: a matrix is never older than the database.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from argilla_server.models import Vector, VectorSettings
from numpy.typing import NDArray
from sqlalchemy import String, select, text, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

MAX_MATRICES = 8


@dataclass(frozen=True)
class Matrix:
    """Unit vectors, one a row (n, dimensions), float32, and the records they belong to (n,)."""

    version: int
    record_ids: NDArray[np.str_]
    units: NDArray[np.float32]

    def similarities(self, value: Sequence[float]) -> NDArray[np.float32]:
        """The cosine of every row with `value`, (n,), from -1 to 1; 0 with a vector of zeros."""
        return self.units @ _units(np.asarray([value], dtype=np.float32))[0]


class VectorCache:
    """The matrices used last, each as new as the database."""

    def __init__(self) -> None:
        self._matrices: OrderedDict[str, Matrix] = OrderedDict()

    async def matrix(self, session: AsyncSession, settings: VectorSettings) -> Matrix:
        """The vectors of `settings`, read again only where one of them has changed."""
        key = settings.id.hex
        version = await session.scalar(
            text("SELECT version FROM argilla_local_vector_versions WHERE vector_settings_id = :id"),
            {"id": key},
        )
        known = self._matrices.get(key)
        if known is None or known.version != version:
            known = await _read(session, settings, version or 0)
        self._matrices[key] = known
        self._matrices.move_to_end(key)
        while len(self._matrices) > MAX_MATRICES:
            self._matrices.popitem(last=False)
        return known


async def _read(session: AsyncSession, settings: VectorSettings, version: int) -> Matrix:
    rows = await session.execute(
        select(type_coerce(Vector.record_id, String), type_coerce(Vector.value, String)).where(
            Vector.vector_settings_id == settings.id
        )
    )
    found = rows.all()
    return await asyncio.to_thread(_matrix, [(row[0], row[1]) for row in found], settings.dimensions, version)


def _matrix(rows: list[tuple[str, str]], dimensions: int, version: int) -> Matrix:
    values = np.empty((len(rows), dimensions), dtype=np.float32)
    for index, (_, value) in enumerate(rows):
        values[index] = json.loads(value)
    return Matrix(version, np.array([record_id for record_id, _ in rows], dtype="U32"), _units(values))


def _units(values: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)
