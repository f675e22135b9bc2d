"""Reads YAML as plain data: texts, numbers, lists, and mappings whose keys are texts.

A small YAML file can expand to gigabytes, or refer to itself. So the depth is limited, and the size including
aliases. Objects, sets, bytes and dates are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable
from typing import Any, Final, cast

import yaml

# Levels of lists and mappings. Python's own stack ends at a few hundred.
_DEEPEST: Final = 50
# Values, including those that aliases repeat.
_MOST_VALUES: Final = 200_000
_LARGEST_INTEGER: Final = 2**63 - 1
_LONGEST_NUMBER: Final = 400

_TEXT: Final = "tag:yaml.org,2002:str"
# YAML 1.1 reads the keys `on`, `off`, `yes` and `no` as booleans, and 1 as a number; here a key is a text.
_PLAIN_KEYS: Final = {
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "bool", "int", "float", "timestamp", "value")
}
_NULL: Final = "tag:yaml.org,2002:null"
_MERGE: Final = "tag:yaml.org,2002:merge"
_HALF: Final = re.compile("[\ud800-\udfff]")


class YamlFault(Exception):
    """Text that cannot be read: the line (0: unknown) and the message. `syntax`: it is not YAML at all."""

    def __init__(self, line: int, words: str, *, syntax: bool) -> None:
        super().__init__(words)
        self.line = line
        self.words = f"is not valid YAML: {words}" if syntax else words
        self.syntax = syntax


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML, but not plain data within the limits."""


def parse_yaml(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a text with their lines, and the data. Raises `YamlFault`."""
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = str(error.problem or error.context)
        syntax = not isinstance(error, _Refused)
        raise YamlFault(mark.line + 1 if mark else 0, words, syntax=syntax) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlFault(
            line, f"it contains the character {error.character:#06x}, which is not text", syntax=True
        ) from None
    finally:
        if loader is not None:
            loader.dispose()


def load_yaml(text: str) -> Any:
    """The data of a text. Raises `YamlFault`."""
    return parse_yaml(text)[1]


class _Loader(yaml.SafeLoader):
    """Safe YAML (it builds no objects), within bounds; a duplicate key is refused."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._values = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = cast(Any, self).peek_event()
        alias = isinstance(event, yaml.AliasEvent)
        before, self._depth = self._values, self._depth + 1
        if self._depth > _DEEPEST:
            raise _error(event, f"it has more than {_DEEPEST} levels")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if alias:
            if id(node) not in self._sizes:
                raise _error(event, f"the alias *{event.anchor} refers to itself")
            self._values += self._sizes[id(node)]
        else:
            self._values += 1
            self._sizes[id(node)] = self._values - before
        if self._values > _MOST_VALUES:
            raise _error(event, f"it contains more than {_MOST_VALUES:,} values, aliases included")
        return node

    def construct_mapping_(self, node: yaml.MappingNode) -> dict[Hashable, Any]:
        """A mapping with unique text keys."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != _MERGE:
                _make_text(key)
                if key.value in seen:
                    raise _error(key, f"the key {key.value!r} occurs twice")
                seen.add(key.value)
        self.flatten_mapping(node)
        for key, _ in node.value:
            _make_text(key)
        return self.construct_mapping(node, deep=True)

    def construct_text(self, node: yaml.ScalarNode) -> str:
        """A text of whole characters: `"\\ud83d\\ude00"` is one."""
        text = self.construct_scalar(node)
        if _HALF.search(text):
            try:
                text = text.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                raise _error(node, "it contains half of a character (a lone surrogate)") from None
        if "\x00" in text:
            raise _error(node, "it contains a zero byte")
        return text

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """An integer of 64 bits."""
        if len(node.value) <= _LONGEST_NUMBER:
            number = self.construct_yaml_int(node)
            if abs(number) <= _LARGEST_INTEGER:
                return number
        raise _error(node, "the number is too large: it has more than 64 bits")

    def construct_decimal(self, node: yaml.ScalarNode) -> float:
        """A finite number."""
        number: float = self.construct_yaml_float(node)
        if not math.isfinite(number):
            raise _error(node, f"{node.value} is not a finite number")
        return number

    def refuse(self, node: yaml.Node) -> None:
        """For `!!set`, `!!binary` and every other tag."""
        raise _error(node, f"it contains {_kind(node)}, which is not plain data")


def _make_text(key: yaml.Node) -> None:
    if key.tag == _NULL:
        raise _error(key, "a key is missing before the colon, or it is null")
    if not isinstance(key, yaml.ScalarNode) or key.tag not in _PLAIN_KEYS:
        raise _error(key, f"a key is a text, not {_kind(key)}")
    key.tag = _TEXT


def _error(at: Any, words: str) -> _Refused:
    return _Refused(problem=words, problem_mark=at.start_mark)


def _kind(node: yaml.Node) -> str:
    names = {"seq": "a list", "map": "a mapping", "null": "nothing", "int": "a number", "float": "a number"}
    return names.get(node.tag.rpartition(":")[2], node.tag.replace("tag:yaml.org,2002:", "!!"))


_Loader.yaml_constructors = {
    _NULL: _Loader.construct_yaml_null,
    "tag:yaml.org,2002:bool": _Loader.construct_yaml_bool,
    "tag:yaml.org,2002:int": _Loader.construct_integer,
    "tag:yaml.org,2002:float": _Loader.construct_decimal,
    "tag:yaml.org,2002:timestamp": _Loader.construct_text,
    "tag:yaml.org,2002:value": _Loader.construct_text,
    "tag:yaml.org,2002:seq": _Loader.construct_sequence,
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG: _Loader.construct_mapping_,
    _TEXT: _Loader.construct_text,
    None: _Loader.refuse,
}
