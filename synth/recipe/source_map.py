"""YAML as plain data, with the line of every key, for errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from synth.errors import RecipeError
from synth.small_files import read_small
from synth.yaml_data import YamlFault, parse_yaml

Path_ = tuple[str | int, ...]


class SourceMap:
    """Lines of a YAML file by path, for example line 4 for `("models", "writer", "provider")`."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lines: dict[Path_, int] = {}
        self._settings: dict[Path_, str] = {}

    def read(self, node: yaml.Node | None, path: Path_ = ()) -> None:
        """Records the line of every key and item below `node`."""
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

    def set_by(self, setting: str, path: Path_) -> None:
        """Records that `--set` wrote the value at `path`, so errors there name no line of the file."""
        self._lines = {place: line for place, line in self._lines.items() if place[: len(path)] != path}
        self._settings[path] = setting if len(setting) <= 80 else f"{setting[:77]}..."

    def where(self, path: Path_) -> str:
        """`FILE:LINE: dotted.key`, with the line of the nearest key in the file; or `--set key=value`."""
        dotted = ".".join(str(p) for p in path)
        for end in range(len(path), -1, -1):
            if path[:end] in self._settings:
                return f"--set {self._settings[path[:end]]}"
            if path[:end] in self._lines:
                place = f"{self.file}:{self._lines[path[:end]]}"
                return f"{place}: {dotted}" if dotted else place
        return f"{self.file}: {dotted}" if dotted else str(self.file)


def read_yaml(file: Path) -> tuple[dict[str, Any], SourceMap]:
    """The file's mapping and the lines of its keys. Raises `RecipeError` if the file has no mapping."""
    try:
        text = read_small(file, RecipeError)
    except (FileNotFoundError, NotADirectoryError):
        raise RecipeError(
            "there is no such file.",
            where=str(file),
            hint="Name a recipe, or create one with `synth init DIR`.",
        ) from None
    except IsADirectoryError:
        raise RecipeError(
            "is a folder, not a recipe.", where=str(file), hint="Name the recipe in it."
        ) from None
    source_map = SourceMap(file)
    try:
        node, data = parse_yaml(text)
        source_map.read(node)
    except YamlFault as fault:
        line = f":{fault.line}" if fault.line else ""
        raise RecipeError(
            f"{fault.words}.",
            where=f"{file}{line}",
            hint="Check the indentation, quotes and colons there." if fault.syntax else None,
        ) from None
    if not isinstance(data, dict):
        raise RecipeError("contains no keys.", where=str(file), hint="A recipe starts with `name: ...`.")
    return data, source_map
