"""The values that a filter or a sort order compares: those of a record or a response, by name.

Argilla stores metadata, suggestions and responses as JSON, and a value may be a list. As in Elasticsearch, a
list matches if one of its values matches. In a sort order it counts as its lowest or highest value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
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
from sqlalchemy.types import NullType


class Kind(Enum):
    """How values are compared, with the names of Elasticsearch's mappings."""

    KEYWORD = "keyword"
    INTEGER = "integer"
    FLOAT = "float"


@dataclass(frozen=True)
class JsonValues:
    """The values at `path` of the JSON in `column`: none, one or several."""

    column: ColumnElement[Any]
    path: str
    kind: Kind

    def one_of(self, values: Sequence[str]) -> ColumnElement[bool]:
        return self._any(lambda value: is_one_of(value, self.kind, values))

    def between(self, ge: float | str | None, le: float | str | None) -> ColumnElement[bool]:
        return self._any(lambda value: is_between(value, self.kind, ge, le))

    def lowest(self) -> ColumnElement[Any]:
        return self._summary(func.min)

    def highest(self) -> ColumnElement[Any]:
        return self._summary(func.max)

    def rows(self) -> tuple[TableValuedAlias, ColumnElement[Any]]:
        """A table with one row per value, to join with the table of `column`; and the value in it."""
        each = func.json_each(self._json, self.path).table_valued("value", "type", name="each")
        return each, self._compared(each.c.value, each.c.type)

    def _any(self, passes: Callable[[ColumnElement[Any]], ColumnElement[bool]]) -> ColumnElement[bool]:
        each, value = self.rows()
        one_passes = select(literal(1)).select_from(each).where(passes(value)).exists()
        return case((self._is_list, one_passes), else_=passes(self._single))

    def _summary(self, summary: Callable[[ColumnElement[Any]], ColumnElement[Any]]) -> ColumnElement[Any]:
        each, value = self.rows()
        of_list = select(summary(value)).select_from(each).scalar_subquery()
        return case((self._is_list, of_list), else_=self._single)

    @property
    def _json(self) -> ColumnElement[Any]:
        return type_coerce(self.column, JSON)

    @property
    def _is_list(self) -> ColumnElement[bool]:
        """Tested first: lists are rare, and reading one costs several times as much as a single value."""
        return func.json_type(self._json, self.path, type_=String) == "array"

    @property
    def _single(self) -> ColumnElement[Any]:
        value = func.json_extract(self._json, self.path, type_=NullType)
        return self._compared(value, func.json_type(self._json, self.path, type_=String))

    def _compared(self, value: ColumnElement[Any], json_type: ColumnElement[str]) -> ColumnElement[Any]:
        if self.kind is Kind.KEYWORD:
            is_boolean = json_type.in_(["true", "false"])
            return case((is_boolean, json_type), (value.is_not(None), cast(value, String)))
        number = cast(value, Integer if self.kind is Kind.INTEGER else Float)
        return case((value.is_not(None), number))


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
    """Both bounds are inclusive. None is no bound. For numbers, a bound that is no number excludes all."""
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
    """`number` as a 32-bit float, the type of Argilla's float metadata in Elasticsearch."""
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


def float32_limits(number: float) -> tuple[float, float]:
    """The lowest and the highest number that round to the same 32-bit float as `number`.

    The page gets the ends of a slider as 32-bit floats, and filters by them. Records at the ends must match.
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
