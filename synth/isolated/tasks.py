"""The tasks of the isolated process. Each one is imported at its first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from synth.llm.base import Json


class TooLong(BaseException):
    """The time is over. It is not an `Exception`, so that no library catches it as an error of its own."""


def _sql(file: str, query: str, allowed: float) -> Json:
    from synth.checks.queries import run_query

    return run_query(file, query, allowed)


def _schema(value: Any, schema: str) -> Json:
    from synth.schema_validation import first_mistake

    return {"mistake": first_mistake(value, schema)}


def _variables(parts: list[list[Any]]) -> Json:
    from synth.templates import TASKS

    return TASKS["variables"](parts)


def _render(parts: list[list[Any]], values: Json) -> Json:
    from synth.templates import TASKS

    return TASKS["render"](parts, values)


TASKS: Mapping[str, Callable[..., Json]] = {
    "sql": _sql,
    "schema": _schema,
    "variables": _variables,
    "render": _render,
}
