"""JSON schemas: are they schemas, and does a value keep to one?

The library is loaded where it is first needed: it takes a tenth of the start of a run without schemas.
"""

from __future__ import annotations

from typing import Any

from synth.llm.base import Json


def wrong_schema(schema: Json) -> str | None:
    """What is wrong with `schema` itself (draft 2020-12), in words; None where it is one."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return str(error.message)
    return None


def off_schema(value: Any, schema: Json) -> str | None:
    """The first thing in which `value` does not keep to `schema`, in words; None where it does."""
    from jsonschema import Draft202012Validator

    mistake = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    return None if mistake is None else str(mistake.message)
