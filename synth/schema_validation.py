"""Checks JSON schemas, and values against them.

Schemas come from recipes and values from models, so neither may hang a run or reach a network. Nothing is
fetched: a `$ref` points into the schema itself or to a draft of JSON Schema. Schemas with only simple
keywords take time in proportion to the value and are checked here. All others are checked in a process that
can be killed.

The library is imported at first use: it takes a tenth of the start of a run without schemas.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from synth.isolated import shared

# Limit for checking one value, in seconds of processor time.
SECONDS: Final = 1.0

# Keywords whose time is linear in the value and the schema.
_SIMPLE: Final = frozenset(
    """$id $schema $comment title description default examples
    type properties required additionalProperties items enum const
    minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength
    minItems maxItems minProperties maxProperties anyOf allOf oneOf not""".split()  # noqa: SIM905
)
# Keywords with schemas for the same value: a `$ref` from there back up would never end.
_SAME_VALUE: Final = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")

_REFERENCES: Final = {"$ref", "$dynamicRef", "$recursiveRef"}


def wrong_schema(schema: Any) -> str | None:
    """The error in `schema` itself (draft 2020-12, or the one it names); None if it is valid."""
    from jsonschema.exceptions import SchemaError

    try:
        _kind(schema).check_schema(schema)
        return _wrong_inside(schema)
    except SchemaError as error:
        return str(error.message)
    except RecursionError:
        return "it is nested too deeply"


def off_schema(value: Any, schema: Any) -> str | None:
    """The first violation of `schema` in `value`, in words; None if it is valid.

    Raises `TooMuch` if the check takes more than `SECONDS` or 512 MiB.
    """
    text = json.dumps(schema)
    if _checker(text).simple:
        return first_mistake(value, text)
    mistake: str | None = shared.ask("schema", SECONDS, value=value, schema=text)["mistake"]
    return mistake


def first_mistake(value: Any, schema: str) -> str | None:
    """Like `off_schema`, in this process and without limits; `schema` is JSON text."""
    try:
        mistake = next(iter(_checker(schema).validator.iter_errors(value)), None)
    except RecursionError:
        return "the value is nested too deeply"
    if mistake is None:
        return None
    place = "".join(f"[{step!r}]" for step in mistake.absolute_path)
    return f"{place}: {mistake.message}" if place else str(mistake.message)


@dataclass(frozen=True, slots=True)
class _Checker:
    validator: Any
    simple: bool


@lru_cache(maxsize=64)
def _checker(text: str) -> _Checker:
    from jsonschema_specifications import REGISTRY

    schema = json.loads(text)
    return _Checker(_kind(schema)(schema, registry=REGISTRY), _is_simple(schema))


def _kind(schema: Any) -> Any:
    from jsonschema import validators

    return validators.validator_for(schema, default=validators.Draft202012Validator)


def _is_simple(schema: Any) -> bool:
    """Whether the schema and all schemas in it have only simple keywords."""
    if not isinstance(schema, dict):
        return isinstance(schema, bool)
    if not schema.keys() <= _SIMPLE:
        return False
    inside = [*schema.get("properties", {}).values()]
    for key in ("anyOf", "allOf", "oneOf"):
        inside += schema.get(key, [])
    inside += [schema[key] for key in ("items", "additionalProperties", "not") if key in schema]
    return all(map(_is_simple, inside))


def _wrong_inside(schema: Any) -> str | None:
    """Errors that the metaschema cannot see: references out of the schema, in a circle, or to no schema."""
    from jsonschema_specifications import REGISTRY
    from referencing import Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    root = Resource.from_contents(schema, default_specification=DRAFT202012)
    waiting = [(root, REGISTRY.with_resource("", root).resolver_with_root(root))]
    leads: dict[int, list[int]] = {}
    while waiting:
        one, resolver = waiting.pop()
        content = one.contents
        if id(content) in leads or not isinstance(content, dict):
            continue
        leads[id(content)] = [id(each) for key in _SAME_VALUE for each in _as_list(content.get(key))]
        waiting += [(below, resolver.in_subresource(below)) for below in one.subresources()]
        for key in _REFERENCES & content.keys():
            try:
                found = resolver.lookup(content[key])
            except Unresolvable:
                return f"it refers to {content[key]!r}, which is not in it; nothing is fetched"
            # A reference can point to a place that the metaschema does not check as a schema.
            _kind(schema).check_schema(found.contents)
            leads[id(content)].append(id(found.contents))
            target = Resource.from_contents(found.contents, default_specification=DRAFT202012)
            waiting.append((target, found.resolver))
    try:
        TopologicalSorter(leads).prepare()
    except CycleError:
        return "its `$ref`s form a circle"
    return None


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
