"""Removes trailing and repeated white space in prose, and keeps intended layout.

Kept: code, tables, drawings, columns that line up, Markdown's hard line breaks, the indentation of lists
and of verse.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise

from synth.text.code_kinds import code_kind
from synth.text.code_spans import blocks, indent_width, inline_code

# A text without any of these needs no change. Most texts are like that.
_UNTIDY = re.compile(r"\A\s|\s\Z|[^\S\n]\n| {2}|\n\n\n")
_GAP = re.compile(r"(?<=\S) {2,}(?=\S)")
_LEAD = re.compile(r"[ \t]*(?:>[ \t]*)*(?:(?:[-*+:]|\d{1,9}[.)])[ \t]+)*")
_BLOCK_START = re.compile(r"[ \t]*(?:[-*+] |\d{1,9}[.)] |#{1,6} |>|\||```|~~~)")
_HEADING = re.compile(r" {0,3}#{1,6} ")
_RULE_OF_TABLE = re.compile(r"^[ \t>|]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t|]*)+$", re.MULTILINE)
_DRAWN = re.compile(r"[ \t>]*[|+]|.*[\u2500-\u257F]")
_QUOTED_CODE = re.compile(r"[ \t]*(?:>[ \t]?)*>(?: {5}|\t)")
_WIDE = 3


def tidy_spacing(text: str) -> str:
    """Standard white space: none at line ends, one space between words, one empty line at most."""
    if not _UNTIDY.search(text):
        return text
    kind = code_kind(text)
    if kind:
        # The final line end is part of a patch; in other texts it has no meaning.
        return text if kind == "diff" else text.strip("\n")
    lines: list[str] = []
    parts = blocks(text)
    for block in parts:
        if block.kind == "blank":
            lines += [""] if lines else []
        else:
            lines += block.lines if block.kind == "code" else _tidy_paragraph(block.lines)
    if parts[-1].kind == "blank" and lines:
        lines.pop()
    if parts[0].kind != "code" and lines:
        lines[0] = _unindent_first(lines)
    return "\n".join(lines)


def _tidy_paragraph(lines: list[str]) -> list[str]:
    joined = "\n".join(lines)
    spans = inline_code(joined)
    is_table = bool(_RULE_OF_TABLE.search(joined))
    kept = [_keeps_gaps(line, is_table) for line in lines]
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    gaps = [
        [] if keep else _gaps(line, offset, spans)
        for line, keep, offset in zip(lines, kept, offsets, strict=False)
    ]
    if _is_layout(lines, gaps):
        gaps = [[] for _ in lines]
    tidied = []
    for index, line in enumerate(lines):
        if not _inside(offsets[index] + len(line), spans):
            line = _trim_end(line, lines[index + 1] if index + 1 < len(lines) else None)
        for start, end in reversed(gaps[index]):
            line = line[:start] + " " + line[end:]
        tidied.append(line)
    return tidied


def _keeps_gaps(line: str, is_table: bool) -> bool:
    return bool(_DRAWN.match(line) or _QUOTED_CODE.match(line) or (is_table and "|" in line))


def _gaps(line: str, offset: int, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs of spaces between words, except those after a list marker, which set the item's column."""
    lead = _LEAD.match(line)
    begin = lead.end() if lead else 0
    return [
        match.span()
        for match in _GAP.finditer(line)
        if match.start() >= begin and not _inside(offset + match.start(), spans)
    ]


def _inside(position: int, spans: list[tuple[int, int]]) -> bool:
    index = bisect_right(spans, (position, len(spans) and spans[-1][1])) - 1
    return index >= 0 and spans[index][0] < position < spans[index][1]


def _is_layout(lines: list[str], gaps: list[list[tuple[int, int]]]) -> bool:
    """Whether gaps are intended: wide ones on several lines, or neighbouring lines that continue in one
    column.
    """
    wide = sum(any(end - start >= _WIDE for start, end in row) for row in gaps)
    columns = [
        {end for start, end in row if not (end - start == 2 and line[start - 1] in ".!?:")}
        for line, row in zip(lines, gaps, strict=True)
    ]
    return wide > 1 or any(above & below for above, below in pairwise(columns))


def _trim_end(line: str, following: str | None) -> str:
    """Drops white space at the end, except for two spaces that break a line within a Markdown paragraph."""
    trimmed = line.rstrip(" \t")
    breaks = line.endswith("  ") and following is not None
    if not breaks or _HEADING.match(line) or _BLOCK_START.match(following or "") or _DRAWN.match(line):
        return trimmed
    return trimmed + "  "


def _unindent_first(lines: list[str]) -> str:
    """Drops stray spaces before the first word, unless it begins a list or lines below are indented."""
    first = lines[0]
    below = lines[1 : lines.index("") if "" in lines else None]
    if indent_width(first) >= 4 or _BLOCK_START.match(first) or any(line[:1] in " \t" for line in below):
        return first
    return first.lstrip(" \t")
