"""The query language of Argilla's search box, as a tree.

Argilla sends its queries in Elasticsearch's `simple_query_string` language with AND as the default. It has
`+` and `|` between terms, `-` before a term, `"a phrase"`, `prefix*`, `( )`, `word~N` for up to N edits, and
`"a phrase"~N` for up to N words in between. Parsing never fails: invalid parts are ignored, as in
Elasticsearch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_EDITS = 2
"""The maximum number of edits, as in Lucene. A larger `~N` counts as this."""

_SPACE = " \t\n\r"
_ENDS_WORD = '"|+()' + _SPACE
_HAS_CONTENT = re.compile(r"[^\W_]|[^\x00-\u2100]")


@dataclass(frozen=True)
class Word:
    """All words of `text`, in one field. A hyphen or a similar character splits a word."""

    text: str


@dataclass(frozen=True)
class Prefix:
    text: str


@dataclass(frozen=True)
class Fuzzy:
    text: str
    edits: int


@dataclass(frozen=True)
class Phrase:
    """The words of `text` in this order, with at most `slop` others between them."""

    text: str
    slop: int = 0


@dataclass(frozen=True)
class Not:
    child: Query


@dataclass(frozen=True)
class And:
    children: tuple[Query, ...]


@dataclass(frozen=True)
class Or:
    children: tuple[Query, ...]


Leaf = Word | Prefix | Fuzzy | Phrase
Query = Leaf | Not | And | Or


def parse(text: str) -> Query | None:
    """The tree of `text`; None if it has nothing to search for (then it matches nothing)."""
    return _Parser(text).parse()


def positive_leaves(query: Query) -> list[Leaf]:
    """The leaves that are not under a `Not`. The score of a match comes from them."""
    if isinstance(query, Not):
        return []
    if isinstance(query, And | Or):
        return [leaf for child in query.children for leaf in positive_leaves(child)]
    return [query]


class _Parser:
    """Parses from left to right. AND and OR have the same precedence: each applies to all before it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._negations = 0
        self._tree: Query | None = None
        self._operator: Literal["and", "or"] | None = None

    def parse(self) -> Query | None:
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "-":
                self._negations += 1
                self._at += 1
                continue
            if char == "(":
                self._group()
            elif char == '"':
                self._phrase()
            elif char in "+|":
                if self._operator is None and self._tree is not None:
                    self._operator = "and" if char == "+" else "or"
                self._at += 1
            elif char == ")" or char in _SPACE:
                self._at += 1
            else:
                self._word()
            self._negations = 0
        return self._tree

    def _group(self) -> None:
        start = self._at + 1
        end = self._closing_parenthesis(start)
        if end is None:
            self._at = start
            return
        self._at = end + 1
        self._add(parse(self._text[start:end]))

    def _closing_parenthesis(self, start: int) -> int | None:
        depth, at = 1, start
        while at < len(self._text):
            char = self._text[at]
            if char == "\\":
                at += 1
            elif char in "()":
                depth += 1 if char == "(" else -1
                if depth == 0:
                    return at
            at += 1
        return None

    def _phrase(self) -> None:
        start = self._at + 1
        content, end = self._unescape(start, stop='"')
        if end == len(self._text):  # the quote is never closed, so these are single words
            self._at = start
            return
        self._at = end + 1
        slop = self._number_after_tilde() or 0
        self._add(Phrase(content, slop) if _HAS_CONTENT.search(content) else None)

    def _word(self) -> None:
        start = self._at
        content, end = self._unescape(start, stop=_ENDS_WORD, or_tilde=True)
        self._at = end
        is_prefix = len(content) > 1 and content[-1] == "*" and self._text[end - 2] != "\\"
        edits = self._number_after_tilde(default=MAX_EDITS)
        if is_prefix:
            content = content[:-1]
        if not _HAS_CONTENT.search(content):
            self._add(None)
        elif edits:
            self._add(Fuzzy(content, min(edits, MAX_EDITS)))
        else:
            self._add(Prefix(content) if is_prefix else Word(content))

    def _unescape(self, start: int, *, stop: str, or_tilde: bool = False) -> tuple[str, int]:
        """The text from `start` to the next character of `stop`, and the position of that character."""
        taken: list[str] = []
        at = start
        while at < len(self._text):
            char = self._text[at]
            if char == "\\" and at + 1 < len(self._text):
                taken.append(self._text[at + 1])
                at += 2
                continue
            if char in stop or (or_tilde and char == "~" and taken):
                break
            taken.append(char)
            at += 1
        return "".join(taken), at

    def _number_after_tilde(self, default: int = 0) -> int | None:
        """N of a `~N` at this position; `default` for a bare `~`; None if there is no `~`."""
        if self._at >= len(self._text) or self._text[self._at] != "~":
            return None
        digits, self._at = self._unescape(self._at + 1, stop=_ENDS_WORD)
        if not digits:
            return default
        return int(digits) if digits.isascii() and digits.isdigit() else 0

    def _add(self, branch: Query | None) -> None:
        operator, self._operator = self._operator or "and", None
        if branch is None:
            return
        if self._negations % 2:
            branch = Not(branch)
        if self._tree is None:
            self._tree = branch
            return
        kind = And if operator == "and" else Or
        joined = self._tree.children if isinstance(self._tree, kind) else (self._tree,)
        self._tree = kind((*joined, branch))
