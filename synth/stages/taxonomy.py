"""Topics and sub-topics: read from a recipe or a file, or merged from a model's replies.

A topic without sub-topics is a leaf; makers fill the leaves. A leaf's name has its whole path: `Billing /
Refunds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from synth.text.similarity.unlike import likeness
from synth.text.tokens import word_count

# Names with at least this cosine are one topic: "Billing" and "Billing and payments" have 0.86, "Google
# Calendar" and "Outlook Calendar" 0.72.
_SAME = 0.8

# Limits that no real taxonomy needs, but that a circular file exceeds.
_DEEPEST = 8
_MOST_LEAVES = 10_000

# Characters. A longer text is a sentence, not a name.
_MOST_WORDS = 12

_BETWEEN = " / "


@dataclass
class Taxonomy:
    """The leaves that makers fill, and their weights (none: all are equal). The stage `topics` sets them
    before any draw.
    """

    leaves: list[str] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)


def read_taxonomy(value: Any) -> list[str]:
    """The leaves of nested lists and mappings of names, in their order. Raises `ValueError`."""
    leaves: dict[str, None] = {}
    for path in _paths(value, ()):
        name = _BETWEEN.join(path)
        if name in leaves:
            raise ValueError(f"{name!r} is in it twice")
        leaves[name] = None
        if len(leaves) > _MOST_LEAVES:
            raise ValueError(f"holds more than {_MOST_LEAVES:,} topics")
    if not leaves:
        raise ValueError("names no topic")
    return list(leaves)


def _paths(value: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if len(above) > _DEEPEST:
        raise ValueError(f"goes deeper than {_DEEPEST} levels")
    if isinstance(value, dict):
        for name, below in value.items():
            path = (*above, _name(name))
            yield from _paths(below, path) if below else [path]
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, list):
                raise ValueError("holds a list within a list: give the inner one a name")
            yield from _paths(each, above)
    else:
        yield (*above, _name(value))


def _name(value: Any) -> str:
    """The name as text. YAML reads `No` as a boolean and 2024 as a number; only the number is accepted."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
        raise ValueError(f"{value!r} is no name of a topic (put it in quotes if it is)")
    return " ".join(str(value).split())


@dataclass
class _Name:
    """A name, the number of replies with it, and its sub-topics."""

    text: str
    votes: int = 0
    below: list[_Name] = field(default_factory=list)


def join_taxonomies(replies: Iterable[Any], topics: int, subtopics: int) -> list[str]:
    """The leaves from several replies (`[{"topic", "subtopics"}]`), with similar names merged.

    If there are too many, the names in the most replies are kept. For a tie, the earlier name.
    """
    found: list[_Name] = []
    for reply in replies:
        for each in reply:
            if (topic := _clean(each["topic"])) is None:
                continue
            joined = _join(found, topic)
            for text in each["subtopics"]:
                if (name := _clean(text)) is not None and likeness(name, joined.text) < _SAME:
                    _join(joined.below, name)
    leaves: list[str] = []
    for topic_ in _first(found, topics):
        below = _first(topic_.below, subtopics)
        leaves += [_BETWEEN.join((topic_.text, name.text)) for name in below] or [topic_.text]
    return leaves


def _join(known: list[_Name], text: str) -> _Name:
    near = max(known, key=lambda name: likeness(name.text, text), default=None)
    if near is None or likeness(near.text, text) < _SAME:
        near = _Name(text)
        known.append(near)
    near.votes += 1
    return near


def _first(names: Sequence[_Name], count: int) -> list[_Name]:
    """The `count` names with the most votes, in their original order."""
    chosen = sorted(range(len(names)), key=lambda i: (-names[i].votes, i))[:count]
    return [names[i] for i in sorted(chosen)]


def _clean(text: str) -> str | None:
    """A cleaned name, or None if it is not a valid name."""
    name = " ".join(text.split()).lstrip("0123456789.)-*•# ").rstrip(".,:; ")
    return name if name and word_count(name) <= _MOST_WORDS else None
