"""Cuts a text into pieces of a useful length, at the strongest boundary within range.

A piece should be readable alone, so it begins with its heading if possible: headings are the strongest
boundaries, then paragraphs, lines, sentences, and spaces. Humpback (https://arxiv.org/abs/2308.06259) uses
segments of 600 to 3,000 characters.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from synth.errors import SourceError

_HEADING: Final = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t#]*$|^(\S[^\n]*)\n(=+|-+)[ \t]*$", re.MULTILINE)
_FENCE: Final = re.compile(r"^[ \t]*(`{3,}|~{3,})", re.MULTILINE)
_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n\s*(?=\S)")
_LINE: Final = re.compile(r"\n(?=\S)")
_SENTENCE: Final = re.compile(r"[.!?…。！？][\"'”’»)\]]*\s+(?=\S)|[。！？](?=\S)")


@dataclass(frozen=True, slots=True)
class Piece:
    """`text[start:end]` of a document, and the headings above it ("Deposits > Refunds"; "" for none)."""

    text: str
    start: int
    end: int
    heading: str


@dataclass(frozen=True, slots=True)
class _Title:
    start: int
    words: str  # its own words, after those of the headings above it


def pieces(text: str, shortest: int = 600, longest: int = 3000) -> list[Piece]:
    """Consecutive pieces of `shortest` to `longest` characters that cover the whole text.

    Surrounding white space is not part of a piece, so a piece can be shorter by its length. Raises
    `SourceError` for a text that is shorter than one piece.
    """
    if shortest < 1 or longest < 2 * shortest:
        raise ValueError("longest must be at least twice shortest, and shortest at least 1")
    held = len(" ".join(text.split()))
    if held < shortest:
        raise SourceError(
            f"contains {held} characters of text; a piece needs at least {shortest}.",
            hint="Join it with another document, or leave it out.",
        )
    titles = _titles(text)
    joints = _joints(text, titles)
    found: list[Piece] = []
    start = 0
    while start < len(text):
        end = _cut(text, start, shortest, longest, joints)
        _add(found, text, start, end, titles)
        start = end
    return found


def _cut(text: str, start: int, shortest: int, longest: int, joints: Sequence[Sequence[int]]) -> int:
    """The end of the piece that begins at `start`. The rest is never shorter than a piece."""
    end = len(text)
    first, last = start + shortest, min(start + longest, end - shortest)
    headings, *others = joints
    at = bisect_left(headings, first)
    if at < len(headings) and headings[at] <= last:
        return headings[at]
    if end - start <= longest:
        return end
    for places in others:
        at = bisect_right(places, last) - 1
        if at >= 0 and places[at] >= first:
            return places[at]
    # Spaces are searched only here: a list of all of them would take most of the time and memory.
    words = (at for at in range(last, first - 1, -1) if text[at - 1].isspace() and not text[at].isspace())
    return next(words, last)


def _joints(text: str, titles: Sequence[_Title]) -> list[list[int]]:
    """Positions to cut at, the strongest kind first; never directly below a heading or in fenced code."""
    fences = _fenced(text)
    below = {_end_of_line(text, title.start) for title in titles}
    headings = [title.start for title in titles]
    paragraphs = [m.end() for m in _PARAGRAPH.finditer(text) if m.start() not in below]
    all_lines = list(_LINE.finditer(text))
    lines = [m.end() for m in all_lines if m.start() not in below]
    sentences = [m.end() for m in _SENTENCE.finditer(text)]
    outside = [_outside(places, fences) for places in (headings, paragraphs, lines, sentences)]
    return [*outside, [m.end() for m in all_lines]]


def _titles(text: str) -> list[_Title]:
    fences = _fenced(text)
    titles: list[_Title] = []
    above: list[tuple[int, str]] = []
    for match in _HEADING.finditer(text):
        if _outside([match.start()], fences):
            level = len(match[1]) if match[1] else 1 if match[4][0] == "=" else 2
            above = [*(one for one in above if one[0] < level), (level, (match[2] or match[3]).strip())]
            titles.append(_Title(match.start(), " > ".join(words for _, words in above)))
    return titles


def _fenced(text: str) -> list[tuple[int, int]]:
    """Start and end of each fenced block. An unclosed block reaches the end of the text."""
    spans: list[tuple[int, int]] = []
    opened: tuple[int, str] | None = None
    for match in _FENCE.finditer(text):
        if opened is None:
            opened = (match.start(), match[1])
        elif match[1].startswith(opened[1]):
            spans.append((opened[0], _end_of_line(text, match.start())))
            opened = None
    return [*spans, (opened[0], len(text))] if opened else spans


def _outside(places: Sequence[int], spans: Sequence[tuple[int, int]]) -> list[int]:
    """The places outside all spans; both are sorted."""
    starts = [start for start, _ in spans]
    kept = []
    for place in places:
        at = bisect_left(starts, place) - 1
        if at < 0 or place >= spans[at][1]:
            kept.append(place)
    return kept


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _add(found: list[Piece], text: str, start: int, end: int, titles: Sequence[_Title]) -> None:
    inner = text[start:end]
    stripped = inner.strip()
    if not any(char.isalnum() for char in stripped):
        return
    start += len(inner) - len(inner.lstrip())
    found.append(Piece(stripped, start, start + len(stripped), _path(titles, start)))


def _path(titles: Sequence[_Title], at: int) -> str:
    place = bisect_right(titles, at, key=lambda title: title.start) - 1
    return titles[place].words if place >= 0 else ""
