"""`--set key=value`: dotted keys into a recipe's data, values in YAML."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from synth.errors import InputError


def apply_overrides(data: dict[str, Any], settings: Iterable[str]) -> None:
    """Writes each `key=value` into `data`, in order. Raises `InputError` where it cannot.

    A stage is named by its `as` name or its kind: `stages.generate.count=20`. Missing blocks are made.
    """
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"{setting!r} is not of the form key=value.", where="--set")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise InputError(f"the value of {key} is not valid YAML: {text!r}.", where="--set") from None
        _put(data, key.strip().split("."), value, setting)


def _put(data: Any, path: list[str], value: Any, setting: str) -> None:
    for step, below in zip(path, [*path[1:], None], strict=True):
        if isinstance(data, list):
            data = _item(data, step, setting)
            if below is None:
                raise InputError(f"{step!r} is a whole stage; name a key of it.", where=f"--set {setting}")
        elif not isinstance(data, dict):
            raise InputError(f"{step!r} is below a plain value.", where=f"--set {setting}")
        elif below is None:
            data[step] = value
        else:
            if data.get(step) is None:
                data[step] = {}
            data = data[step]


def _item(items: list[Any], step: str, setting: str) -> dict[str, Any]:
    if step.isdecimal() and int(step) < len(items):
        return _block(items[int(step)], None)
    for item in items:
        if isinstance(item, str) and item == step:
            items[items.index(item)] = item = {step: {}}
        if isinstance(item, dict) and len(item) == 1:
            kind = next(iter(item))
            options = item[kind]
            name = options.get("as", kind) if isinstance(options, dict) else kind
            if name == step:
                return _block(item, kind)
    raise InputError(f"the recipe has no stage {step!r}.", where=f"--set {setting}")


def _block(item: dict[str, Any], kind: str | None) -> dict[str, Any]:
    kind = kind or next(iter(item))
    if item[kind] is None:
        item[kind] = {}
    block: dict[str, Any] = item[kind]
    return block
