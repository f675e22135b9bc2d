"""Argilla's filters and sort orders as SQL over the server's own tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from argilla_server.enums import MetadataPropertyType, QuestionType, ResponseStatusFilter, SortOrder
from argilla_server.models import Dataset, MetadataProperty, Question, Record, Response, Suggestion
from argilla_server.search_engine import (
    AndFilter,
    Filter,
    FilterScope,
    MetadataFilterScope,
    Order,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
)
from sqlalchemy import ColumnElement, String, and_, func, or_, select, true, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

from argilla_local.values import JsonValues, Kind, is_between, is_one_of

_METADATA_KINDS = {
    MetadataPropertyType.terms: Kind.KEYWORD,
    MetadataPropertyType.integer: Kind.INTEGER,
    MetadataPropertyType.float: Kind.FLOAT,
}


@dataclass(frozen=True)
class QuestionKind:
    id: UUID
    kind: Kind


@dataclass(frozen=True)
class DatasetSchema:
    """The questions and metadata of a dataset by name, and how the values of each are compared."""

    questions: dict[str, QuestionKind]
    metadata: dict[str, Kind]

    @classmethod
    async def load(cls, session: AsyncSession, dataset: Dataset) -> DatasetSchema:
        questions = await session.scalars(select(Question).where(Question.dataset_id == dataset.id))
        properties = await session.scalars(
            select(MetadataProperty).where(MetadataProperty.dataset_id == dataset.id)
        )
        return cls(
            questions={one.name: QuestionKind(one.id, _question_kind(one.type)) for one in questions},
            metadata={one.name: _METADATA_KINDS[one.type] for one in properties},
        )

    def metadata_values(self, name: str) -> JsonValues:
        return JsonValues(Record.metadata_, f'$."{name}"', self.metadata[name])

    def response_values(self, question: str) -> JsonValues:
        return JsonValues(Response.values, f'$."{question}".value', self.questions[question].kind)


def _question_kind(question_type: QuestionType) -> Kind:
    return Kind.INTEGER if question_type == QuestionType.rating else Kind.KEYWORD


def condition(schema: DatasetSchema, filter_: Filter) -> ColumnElement[bool]:
    """The SQL condition for the rows of `records` that pass `filter_`."""
    if isinstance(filter_, AndFilter):
        return and_(true(), *(condition(schema, one) for one in filter_.filters))
    scope = filter_.scope
    if isinstance(scope, RecordFilterScope):
        return _record_condition(scope, filter_)
    if isinstance(scope, MetadataFilterScope):
        return _values_pass(schema.metadata_values(scope.metadata_property), filter_)
    if isinstance(scope, SuggestionFilterScope):
        passes = _column_or_values(_suggestion_property(schema, scope), filter_)
        return _suggestion_of(schema, scope).where(passes).exists()
    if isinstance(scope, ResponseFilterScope):
        if scope.question is not None:
            passes = _values_pass(schema.response_values(scope.question), filter_)
            return _responses_by(scope).where(passes).exists()
        if scope.property == "status" and isinstance(filter_, TermsFilter):
            return _response_status_condition(scope, filter_.values)
    raise ValueError(f"cannot filter by {filter_}")


@dataclass(frozen=True)
class OrderKey:
    value: ColumnElement[Any]
    ascending: bool

    def ordering(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The order by `column`, which holds `value`. Rows without a value are last in both directions."""
        return (column.asc() if self.ascending else column.desc()).nulls_last()


def orders(schema: DatasetSchema, sort: Sequence[Order]) -> list[OrderKey]:
    """The keys that order the rows of `records`."""
    keys = []
    for order in sort:
        ascending = order.order == SortOrder.asc
        keys.append(OrderKey(_order_value(schema, order.scope, lowest_first=ascending), ascending))
    return keys


def _order_value(schema: DatasetSchema, scope: FilterScope, *, lowest_first: bool) -> ColumnElement[Any]:
    if isinstance(scope, RecordFilterScope):
        return _record_column(scope.property)
    if isinstance(scope, MetadataFilterScope):
        values = schema.metadata_values(scope.metadata_property)
        return values.lowest() if lowest_first else values.highest()
    if isinstance(scope, SuggestionFilterScope):
        found = _suggestion_property(schema, scope)
        if isinstance(found, JsonValues):
            found = found.lowest() if lowest_first else found.highest()
        return _suggestion_of(schema, scope).with_only_columns(found).scalar_subquery()
    if isinstance(scope, ResponseFilterScope):
        return _response_order_value(schema, scope)
    raise ValueError(f"cannot sort by {scope}")


def _response_order_value(schema: DatasetSchema, scope: ResponseFilterScope) -> ColumnElement[Any]:
    """The mean of several annotators' numbers, as in Argilla. Of their labels, the first in the alphabet."""
    responses = _responses_by(scope)
    if scope.question is None:
        return responses.with_only_columns(func.min(_as_text(Response.status))).scalar_subquery()
    values = schema.response_values(scope.question)
    each, value = values.rows()
    summary = func.min if values.kind is Kind.KEYWORD else func.avg
    return responses.with_only_columns(summary(value)).join(each, true()).scalar_subquery()


def _record_condition(scope: RecordFilterScope, filter_: TermsFilter | RangeFilter) -> ColumnElement[bool]:
    value = _record_column(scope.property)
    if isinstance(filter_, TermsFilter):
        if scope.property == "id":
            return value.in_([term.replace("-", "").lower() for term in filter_.values])
        return value.in_(filter_.values)
    if scope.property in ("inserted_at", "updated_at"):
        return is_between(value, Kind.KEYWORD, _moment(filter_.ge), _moment(filter_.le))
    return is_between(value, Kind.KEYWORD, filter_.ge, filter_.le)


def _record_column(name: str) -> ColumnElement[str]:
    return _as_text(getattr(Record, name))


def _moment(bound: float | str | None) -> str | None:
    """`bound` (epoch milliseconds or ISO 8601) in the form that SQLAlchemy stores in SQLite (UTC)."""
    if bound is None:
        return None
    if isinstance(bound, str):
        moment = datetime.fromisoformat(bound)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
    else:
        moment = datetime.fromtimestamp(bound / 1000, tz=UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def _suggestion_of(schema: DatasetSchema, scope: SuggestionFilterScope) -> Any:
    question = schema.questions[scope.question]
    return (
        select(Suggestion.id)
        .select_from(Suggestion)
        .where(Suggestion.record_id == Record.id, Suggestion.question_id == question.id)
        .correlate(Record)
    )


def _suggestion_property(
    schema: DatasetSchema, scope: SuggestionFilterScope
) -> JsonValues | ColumnElement[str]:
    match scope.property:
        case "value":
            return JsonValues(Suggestion.value, "$", schema.questions[scope.question].kind)
        case "score":
            return JsonValues(Suggestion.score, "$", Kind.FLOAT)
        case "agent":
            return _as_text(Suggestion.agent)
        case "type":
            return _as_text(Suggestion.type)
    raise ValueError(f"a suggestion has no {scope.property!r}")


def _responses_by(scope: ResponseFilterScope) -> Any:
    """The responses to a record: those of the scope's user if it names one, else those of all users."""
    responses = select(Response.id).select_from(Response)
    responses = responses.where(Response.record_id == Record.id).correlate(Record)
    return responses if scope.user is None else responses.where(Response.user_id == scope.user.id)


def _response_status_condition(scope: ResponseFilterScope, statuses: Sequence[str]) -> ColumnElement[bool]:
    """`pending` means that there is no response, so no row of `responses` has this status."""
    responses = _responses_by(scope)
    given = [str(status) for status in statuses if status != ResponseStatusFilter.pending]
    accepted = []
    if ResponseStatusFilter.pending in statuses:
        accepted.append(~responses.exists())
    if given:
        accepted.append(responses.where(_as_text(Response.status).in_(given)).exists())
    if accepted:
        return or_(*accepted)
    return true() if scope.user is None else responses.exists()


def _column_or_values(
    found: JsonValues | ColumnElement[str], filter_: TermsFilter | RangeFilter
) -> ColumnElement[bool]:
    if isinstance(found, JsonValues):
        return _values_pass(found, filter_)
    if isinstance(filter_, TermsFilter):
        return is_one_of(found, Kind.KEYWORD, filter_.values)
    return is_between(found, Kind.KEYWORD, filter_.ge, filter_.le)


def _values_pass(values: JsonValues, filter_: TermsFilter | RangeFilter) -> ColumnElement[bool]:
    if isinstance(filter_, TermsFilter):
        return values.one_of(filter_.values)
    return values.between(filter_.ge, filter_.le)


def _as_text(column: Any) -> ColumnElement[str]:
    """`column` as SQLite keeps it: its enums, ids and dates are text."""
    return type_coerce(column, String)
