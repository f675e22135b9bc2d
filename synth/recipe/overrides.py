"""`--set key=value`: dotted keys into a recipe's data, values in YAML."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from synth.errors import InputError
from synth.recipe.source_map import Path_, SourceMap
from synth.yaml_data import YamlFault, load_yaml


def apply_overrides(data: dict[str, Any], settings: Iterable[str], source_map: SourceMap) -> None:
    """Writes each `key=value` into `data`, in order. Raises `InputError` for a key that it cannot set.

    A stage is named by its `as` name or its kind: `stages.generate.count=20`. Missing blocks are created.
    `source_map` records the settings, for errors.
    """
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"{setting!r} does not have the form key=value.", where="--set")
        try:
            value = load_yaml(text)
        except YamlFault as fault:
            words = f"the value {fault.words}" if fault.syntax else fault.words
            raise InputError(f"{words}.", where=f"--set {setting[:80]}") from None
        source_map.set_by(setting, _put(data, key.strip().split("."), value, setting))


def _put(data: Any, path: list[str], value: Any, setting: str) -> Path_:
    """Writes the value, and returns its path of keys and item numbers."""
    found: Path_ = ()
    for step, below in zip(path, [*path[1:], None], strict=True):
        if isinstance(data, list):
            index = _index(data, step, setting)
            if below is None:
                raise InputError(
                    f"{step!r} is a whole stage; name one of its keys.", where=f"--set {setting}"
                )
            kind = next(iter(data[index]))
            data = _block(data[index], kind, setting)
            found = (*found, index, kind)
        elif not isinstance(data, dict):
            raise InputError(f"{step!r} is below a plain value.", where=f"--set {setting}")
        elif below is None:
            data[step] = value
            found = (*found, step)
        else:
            if data.get(step) is None:
                data[step] = {}
            data = data[step]
            found = (*found, step)
    return found


def _index(items: list[Any], step: str, setting: str) -> int:
    """The index of the stage, found by number, `as` name or kind."""
    for index, item in enumerate(items):
        if isinstance(item, str):
            items[index] = item = {item: {}}
        if not isinstance(item, dict) or len(item) != 1:
            continue
        kind = next(iter(item))
        options = item[kind]
        name = options.get("as", kind) if isinstance(options, dict) else kind
        if step == name or (step.isdecimal() and len(step) < 9 and int(step) == index):
            return index
    raise InputError(f"the recipe has no stage {step!r}.", where=f"--set {setting}")


def _block(item: dict[str, Any], kind: str, setting: str) -> dict[str, Any]:
    if item[kind] is None:
        item[kind] = {}
    block = item[kind]
    if not isinstance(block, dict):
        raise InputError(f"the stage {kind!r} has no options to set.", where=f"--set {setting}")
    return block
