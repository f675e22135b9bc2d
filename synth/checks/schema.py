"""JSON against a schema of the user's. Nothing is fetched: a `$ref` points into the schema itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from jsonschema import validators
from jsonschema.exceptions import SchemaError
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from synth.checks.verdict import Check, Objection
from synth.errors import RecipeError
from synth.row import Row

_MOST_WORDS = 300


def json_check(file: Path) -> Check:
    """The answer is one JSON document, and agrees with the schema in `file`. Raises `RecipeError`."""
    validator = _validator(file)

    def check(row: Row) -> Objection | None:
        try:
            value = json.loads(row.answer or "", object_pairs_hook=_unique, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            return Objection("not_json", f"{error}: {(row.answer or '')[:200]}")
        try:
            mistake = next(iter(validator.iter_errors(value)), None)
        except Unresolvable as error:
            raise RecipeError(f"refers to what is not in it: {error.ref}.", where=str(file)) from None
        if mistake is None:
            return None
        place = "".join(f"[{step!r}]" for step in mistake.absolute_path)
        return Objection("off_schema", f"{place or 'the answer'}: {mistake.message}"[:_MOST_WORDS])

    return check


def _validator(file: Path) -> Any:
    try:
        schema = json.loads(file.read_text(encoding="utf-8"))
        kind: Any = validators.validator_for(schema, default=validators.Draft202012Validator)
        kind.check_schema(schema)
    except UnicodeDecodeError:
        raise RecipeError("is not UTF-8.", where=str(file)) from None
    except ValueError as error:
        raise RecipeError(f"is not valid JSON: {error}.", where=str(file)) from None
    except SchemaError as error:
        raise RecipeError(f"is no JSON schema: {error.message}.", where=str(file)) from None
    return kind(schema, registry=REGISTRY)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers do not agree on which of two equal keys counts."""
    keys = [key for key, _ in pairs]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValueError(f"the key {twice!r} stands twice")
    return dict(pairs)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
