"""YAML as plain data, with the line of every key, so that an error can say where it is."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from synth.errors import RecipeError

Path_ = tuple[str | int, ...]


_BOOLEAN, _TEXT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:str"


class _Loader(yaml.SafeLoader):
    """Safe YAML (it builds no objects), which refuses a key that stands twice."""


def _no_duplicates(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == _BOOLEAN:
            # YAML 1.1 reads the keys `on`, `off`, `yes` and `no` as booleans; here a key is a word.
            key_node.tag = _TEXT
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, Hashable) and key in seen:
            raise yaml.MarkedYAMLError(
                problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _no_duplicates)


class SourceMap:
    """Lines of a YAML file by path: `("models", "writer", "provider")` stands in line 4."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lines: dict[Path_, int] = {}

    def read(self, node: yaml.Node | None, path: Path_ = ()) -> None:
        """Notes the line of every key and item below `node`."""
        if node is None:
            return
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key_node, value in node.value:
                below = (*path, key_node.value)
                self._lines[below] = key_node.start_mark.line + 1
                self.read(value, below)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.read(value, (*path, index))

    def where(self, path: Path_) -> str:
        """`FILE:LINE: dotted.key`, with the line of the nearest key that stands in the file."""
        dotted = ".".join(str(p) for p in path)
        for end in range(len(path), -1, -1):
            if path[:end] in self._lines:
                place = f"{self.file}:{self._lines[path[:end]]}"
                return f"{place}: {dotted}" if dotted else place
        return f"{self.file}: {dotted}" if dotted else str(self.file)


def read_yaml(file: Path) -> tuple[dict[str, Any], SourceMap]:
    """The file's mapping and where its keys stand. Raises `RecipeError` for anything else."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(
            "there is no such file.",
            where=str(file),
            hint="Name a recipe, or make one with `synth init DIR`.",
        ) from None
    except IsADirectoryError:
        raise RecipeError(
            "is a folder, not a recipe.", where=str(file), hint="Name the recipe in it."
        ) from None
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"is not UTF-8 (byte {error.start}).", where=str(file), hint="Save it as UTF-8."
        ) from None
    source_map = SourceMap(file)
    try:
        source_map.read(yaml.compose(text, Loader=_Loader))
        data = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _yaml_error(file, error) from None
    if not isinstance(data, dict):
        raise RecipeError("holds no keys.", where=str(file), hint="A recipe starts with `name: ...`.")
    return data, source_map


def _yaml_error(file: Path, error: yaml.YAMLError) -> RecipeError:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        return RecipeError(
            f"is not valid YAML: {error.problem or error.context}.",
            where=f"{file}{line}",
            hint="Check the indentation, quotes and colons there.",
        )
    return RecipeError(f"is not valid YAML: {error}.", where=str(file))
