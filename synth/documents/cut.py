"""Cuts a text into pieces of a size, at paragraphs, with the heading that each stands under."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PARAGRAPH = re.compile(r"(?:(?!\n[ \t]*\n).)+", re.DOTALL)
_HEADING = re.compile(r"#{1,6}[ \t]+(.+)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a document: `text` is `document[start:end]`, below `heading` if there is one."""

    text: str
    start: int
    end: int
    heading: str | None


def pieces(text: str, shortest: int = 600, longest: int = 3000) -> list[Piece]:
    """Whole paragraphs, together at least `shortest` and at most `longest` characters, in order."""
    found: list[Piece] = []
    start: int | None = None
    end = 0
    heading: str | None = None
    own: str | None = None
    for match in _PARAGRAPH.finditer(text):
        if not match[0].strip():
            continue
        if title := _HEADING.match(match[0].strip()):
            heading = title[1].strip()
        if start is not None and match.end() - start > longest:
            found.append(Piece(text[start:end], start, end, own))
            start = None
        if start is None:
            start, own = match.start() + len(match[0]) - len(match[0].lstrip()), heading
        end = match.start() + len(match[0].rstrip())
        if end - start >= shortest:
            found.append(Piece(text[start:end], start, end, own))
            start = None
    if start is not None:
        found.append(Piece(text[start:end], start, end, own))
    return [piece for piece in found if piece.end - piece.start <= longest]
