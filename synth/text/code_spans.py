"""Finds the code in a text, so that rules for prose do not change it.

Follows CommonMark for fences, indented code, code spans and list columns. In doubt, a line counts as code:
untidy prose costs little, but tidied code is broken.

A CommonMark parser (markdown-it) finds the same code in documents that people wrote. It is not used because
models write lists carelessly: in CommonMark, a fence in a list item ends at a line with less indentation than
the item. The code after that line would then count as prose, and the prose after the closing fence as code.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from synth.text.code_kinds import code_kind

_CONTAINER = r"[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+|>[ \t]*)*"
_FENCE = re.compile(rf"(?P<container>{_CONTAINER})(?P<fence>`{{3,}}(?!.*`)|~{{3,}})")
_FENCE_END = re.compile(r"(?P<container>[ \t]*(?:>[ \t]*)*)(?P<fence>`{3,}|~{3,})[ \t]*$")
_LIST_ITEM = re.compile(r"(?P<marker>[ \t>]*(?:[-*+]|\d{1,9}[.)]))(?P<space>[ \t]+|$)")
_INDENT = re.compile(r"[ \t]*")
# Blocks that keep their spacing until their end tag: HTML (CommonMark 4.6, kind 1) and LaTeX.
_RAW_START = re.compile(
    r" {0,3}(?:<(?P<tag>pre|script|style|textarea)\b"
    r"|\\begin\{(?P<environment>verbatim|lstlisting|minted|alltt)\})",
    re.IGNORECASE,
)
_RAW_INLINE = re.compile(r"<(code|pre|kbd|samp|tt)\b[^<>]*>", re.IGNORECASE)
_RAW_INLINE_END = re.compile(r"</(code|pre|kbd|samp|tt)>", re.IGNORECASE)
_TICKS = re.compile(r"`+")


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines: code with its fences, prose without an empty line, or empty lines."""

    kind: Literal["code", "prose", "blank"]
    lines: list[str]


def blocks(text: str) -> list[Block]:
    """Splits a text into blocks. Joining all their lines with line ends restores the text."""
    lines = text.split("\n")
    if code_kind(text):
        return [Block("code", lines)]
    found: list[Block] = []
    at = 0
    item_column: int | None = None
    while at < len(lines):
        end = _fence_end(lines, at) or _raw_end(lines, at) or _indented_end(lines, at, item_column)
        if end:
            found.append(Block("code", lines[at:end]))
            at = end
            continue
        line = lines[at]
        kind: Literal["prose", "blank"] = "prose" if line.strip() else "blank"
        if kind == "prose":
            after_blank = not found or found[-1].kind == "blank"
            item_column = _open_item(line, item_column, after_blank)
        if found and found[-1].kind == kind:
            found[-1].lines.append(line)
        else:
            found.append(Block(kind, [line]))
        at += 1
    return found


def map_prose(text: str, change: Callable[[str], str]) -> str:
    """Applies `change` to all text that is not code, and returns the changed text."""
    parts = []
    for block in blocks(text):
        joined = "\n".join(block.lines)
        parts.append(joined if block.kind == "code" else _map_outside(joined, change))
    return "\n".join(parts)


def inline_code(paragraph: str) -> list[tuple[int, int]]:
    """Start and end of each code span (backticks, or HTML such as `<code>`), in order, none overlapping."""
    spans = _backtick_spans(paragraph) if "`" in paragraph else []
    if "</" in paragraph:
        spans = sorted(spans + _raw_spans(paragraph))
    apart: list[tuple[int, int]] = []
    for start, end in spans:
        if not apart or start >= apart[-1][1]:
            apart.append((start, end))
    return apart


def indent_width(line: str) -> int:
    """The columns of white space before the first character, with tab stops every four."""
    match = _INDENT.match(line)
    return len(match.group().expandtabs(4)) if match else 0


def _map_outside(paragraph: str, change: Callable[[str], str]) -> str:
    parts = []
    at = 0
    for start, end in inline_code(paragraph):
        parts += [change(paragraph[at:start]), paragraph[start:end]]
        at = end
    return "".join([*parts, change(paragraph[at:])])


def _backtick_spans(paragraph: str) -> list[tuple[int, int]]:
    """Pairs each run of backticks with the next run of the same length (CommonMark 6.1), in linear time.

    A backslash removes the first backtick from a run that would open a span; inside a span it has no effect.
    """
    runs = [match.span() for match in _TICKS.finditer(paragraph)]
    later: dict[int, list[int]] = {}
    for index in range(len(runs) - 1, -1, -1):
        later.setdefault(runs[index][1] - runs[index][0], []).append(index)
    spans = []
    index = 0
    while index < len(runs):
        start, end = runs[index]
        start += _is_escaped(paragraph, start)
        same = later.get(end - start, [])
        while same and same[-1] <= index:
            same.pop()
        if same:
            index = same[-1]
            spans.append((start, runs[index][1]))
        index += 1
    return spans


def _raw_spans(paragraph: str) -> list[tuple[int, int]]:
    ends: dict[str, list[tuple[int, int]]] = {}
    for match in reversed(list(_RAW_INLINE_END.finditer(paragraph))):
        ends.setdefault(match[1].lower(), []).append(match.span())
    spans = []
    for opening in _RAW_INLINE.finditer(paragraph):
        later = ends.get(opening[1].lower(), [])
        while later and later[-1][0] < opening.end():
            later.pop()
        if later:
            spans.append((opening.start(), later[-1][1]))
    return spans


def _is_escaped(paragraph: str, position: int) -> bool:
    before = position
    while before and paragraph[before - 1] == "\\":
        before -= 1
    return (position - before) % 2 == 1


def _fence_end(lines: list[str], at: int) -> int | None:
    """The line after the fenced block that opens at `at`. An unclosed block ends with the text."""
    opening = _FENCE.match(lines[at])
    if not opening:
        return None
    fence, quoted = opening["fence"], ">" in opening["container"]
    column = len(opening["container"].expandtabs(4))
    for index in range(at + 1, len(lines)):
        if quoted and not lines[index].lstrip().startswith(">"):
            return index
        closing = _FENCE_END.match(lines[index])
        if (
            closing
            and closing["fence"].startswith(fence)
            and (">" in closing["container"]) == quoted
            and len(closing["container"].expandtabs(4)) <= column + 3
        ):
            return index + 1
    return len(lines)


def _raw_end(lines: list[str], at: int) -> int | None:
    opening = _RAW_START.match(lines[at])
    if not opening:
        return None
    tag = opening["tag"]
    end = f"</{tag.lower()}>" if tag else f"\\end{{{opening['environment'].lower()}}}"
    for index in range(at, len(lines)):
        if end in lines[index].lower():
            return index + 1
    return len(lines)


def _indented_end(lines: list[str], at: int, item_column: int | None) -> int | None:
    """The line after the indented code at `at`, which includes the empty lines between its code lines."""
    least = 4 if item_column is None else item_column + 4

    def is_code(line: str) -> bool:
        return indent_width(line) >= least and bool(line.strip())

    if not is_code(lines[at]):
        return None
    end = at + 1
    for index in range(at + 1, len(lines)):
        if is_code(lines[index]):
            end = index + 1
        elif lines[index].strip():
            break
    return end


def _open_item(line: str, item_column: int | None, after_blank: bool) -> int | None:
    """The column where the text of the list item around `line` begins, or None."""
    item = _LIST_ITEM.match(line)
    if item:
        wide = len(item["space"].expandtabs(4)) > 4
        return len((item["marker"] + (" " if wide else item["space"] or " ")).expandtabs(4))
    return None if after_blank and indent_width(line) < 2 else item_column
