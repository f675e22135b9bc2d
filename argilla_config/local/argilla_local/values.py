"""What a filter or a sort looks at: the values that a record, or one of its answers, holds under a name.

Argilla keeps metadata, suggestions and responses as JSON, where one name may hold a list. As in
Elasticsearch, a list matches where one of its values does, and counts as its lowest or highest when sorted.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Float,
    Integer,
    String,
    TableValuedAlias,
    case,
    cast,
    false,
    func,
    literal,
    select,
    type_coerce,
)


class Kind(Enum):
    """How values are compared: Elasticsearch's mappings, by name."""

    KEYWORD = "keyword"
    INTEGER = "integer"
    FLOAT = "float"


@dataclass(frozen=True)
class JsonValues:
    """The values at `path` of the JSON in `column`; none, one or several."""

    column: ColumnElement[Any]
    path: str
    kind: Kind

    def one_of(self, values: Sequence[str]) -> ColumnElement[bool]:
        each = self._each()
        return self._any(each, is_one_of(self._compared(each), self.kind, values))

    def between(self, ge: float | str | None, le: float | str | None) -> ColumnElement[bool]:
        each = self._each()
        return self._any(each, is_between(self._compared(each), self.kind, ge, le))

    def lowest(self) -> ColumnElement[Any]:
        each = self._each()
        return select(func.min(self._compared(each))).select_from(each).scalar_subquery()

    def highest(self) -> ColumnElement[Any]:
        each = self._each()
        return select(func.max(self._compared(each))).select_from(each).scalar_subquery()

    def rows(self) -> tuple[TableValuedAlias, ColumnElement[Any]]:
        """A table with a row for each value, to join with `column`'s, and what to read from it."""
        each = self._each()
        return each, self._compared(each)

    def _each(self) -> TableValuedAlias:
        return func.json_each(type_coerce(self.column, JSON), self.path).table_valued(
            "value", "type", name="each"
        )

    def _compared(self, each: TableValuedAlias) -> ColumnElement[Any]:
        value = each.c.value
        if self.kind is Kind.KEYWORD:
            is_boolean = each.c.type.in_(["true", "false"])
            return case((is_boolean, each.c.type), (value.is_not(None), cast(value, String)))
        number = cast(value, Integer if self.kind is Kind.INTEGER else Float)
        return case((value.is_not(None), number))

    @staticmethod
    def _any(each: TableValuedAlias, condition: ColumnElement[bool]) -> ColumnElement[bool]:
        return select(literal(1)).select_from(each).where(condition).exists()


def is_one_of(value: ColumnElement[Any], kind: Kind, terms: Sequence[str]) -> ColumnElement[bool]:
    if kind is Kind.KEYWORD:
        return value.in_([str(term) for term in terms])
    matching: ColumnElement[bool] = false()
    for term in terms:
        number = _number(term)
        if number is not None:
            matching = matching | is_between(value, kind, number, number)
    return matching


def is_between(
    value: ColumnElement[Any], kind: Kind, ge: float | str | None, le: float | str | None
) -> ColumnElement[bool]:
    """Both bounds belong to the range; a bound of None is none, and one that is no number excludes all."""
    condition: ColumnElement[bool] = value.is_not(None)
    for bound, is_lower in ((ge, True), (le, False)):
        if bound is None:
            continue
        limit: float | str | None = str(bound) if kind is Kind.KEYWORD else _number(bound)
        if limit is None:
            return false()
        if kind is Kind.FLOAT and isinstance(limit, float):
            limit = float32_limits(limit)[0 if is_lower else 1]
        condition = condition & (value >= limit if is_lower else value <= limit)
    return condition


def float32(number: float) -> float:
    """`number` as a 32-bit float, which is how Elasticsearch keeps Argilla's float metadata."""
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


def float32_limits(number: float) -> tuple[float, float]:
    """The lowest and the highest number that is the same 32-bit float as `number`.

    The page takes a slider's ends from 32-bit minima and maxima, and asks for the records between them.
    """
    half = float32(number)
    bits = struct.unpack("<i", struct.pack("<f", abs(half)))[0]
    above = struct.unpack("<f", struct.pack("<i", min(bits + 1, 0x7F7FFFFF)))[0]
    below = struct.unpack("<f", struct.pack("<i", bits - 1))[0] if bits else -above
    low, high = sorted(((abs(half) + below) / 2, (abs(half) + above) / 2))
    return (low, high) if half >= 0 else (-high, -low)


def _number(value: float | str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
