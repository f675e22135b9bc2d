"""A check of JSON against the user's schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from synth.checks.reasons import CheckReason
from synth.checks.verdict import AnswerCheck, Objection
from synth.errors import RecipeError
from synth.isolated import TooMuch
from synth.row import Row
from synth.schema_validation import off_schema, wrong_schema

_MOST_WORDS = 300
# Bytes. A larger file is probably data and not a schema.
_LARGEST = 4 * 2**20


def json_check(file: Path) -> AnswerCheck:
    """Checks that the answer is one JSON document that satisfies the schema in `file`. Raises
    `RecipeError`.
    """
    schema = _read(file)

    def check(row: Row) -> Objection | None:
        answer = row.conversation.answer or ""
        try:
            value = json.loads(answer, object_pairs_hook=_unique, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            return Objection(CheckReason.NOT_JSON, f"{error}: {answer[:200]}")
        try:
            mistake = off_schema(value, schema)
        except TooMuch as error:
            return Objection(error.reason, f"checking it against {file.name} {error.words}")
        return Objection(CheckReason.OFF_SCHEMA, mistake[:_MOST_WORDS]) if mistake else None

    return AnswerCheck(check)


def _read(file: Path) -> Any:
    try:
        if file.stat().st_size > _LARGEST:
            raise RecipeError(
                f"is larger than {_LARGEST // 2**20} MiB, too large for a JSON schema.", where=str(file)
            )
        schema = json.loads(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise RecipeError("is not UTF-8.", where=str(file)) from None
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"is not valid JSON: {error}.", where=str(file)) from None
    if wrong := wrong_schema(schema):
        raise RecipeError(f"is not a JSON schema: {wrong}.", where=str(file))
    return schema


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses duplicate keys, because parsers disagree on which one counts."""
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise ValueError(f"the key {key!r} occurs twice")
        seen[key] = value
    return seen


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
