"""Finds a quote in its source text.

White space, the kind of quotation marks and dashes, and Unicode forms are ignored. So are the case of the
first letter and the punctuation at the end, because sentences around a quote change them. Any other
difference counts: a quote with a missing word is not in the text.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_MARKS: Final = {
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
}
_AROUND: Final = "\"' \t\n"
_AT_END: Final = ".,;:!?…"


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """The start and end of the first `quote` in `text` (`text[start:end]`), or None."""
    wanted = _normalised(quote)[0].strip(_AROUND)
    known, places = _normalised(text)
    for candidate in dict.fromkeys((wanted, wanted.strip("." + _AROUND), wanted.rstrip(_AT_END + _AROUND))):
        at = _find(candidate, known)
        if at is not None:
            last = places[at + len(candidate) - 1]
            return places[at], last + _width(text, last)
    return None


def _find(wanted: str, known: str) -> int | None:
    """The position of `wanted` as whole words, with its first letter in either case."""
    if not any(c.isalnum() for c in wanted):
        return None
    found = []
    for start in {wanted[0].lower() + wanted[1:], wanted[0].upper() + wanted[1:]}:
        at = known.find(start)
        while at >= 0 and not _whole_words(known, at, at + len(start)):
            at = known.find(start, at + 1)
        if at >= 0:
            found.append(at)
    return min(found, default=None)


def _whole_words(known: str, start: int, end: int) -> bool:
    before, after = known[start - 1 : start], known[end : end + 1]
    cuts_start = before.isalnum() and known[start].isalnum()
    cuts_end = after.isalnum() and known[end - 1].isalnum()
    return not (cuts_start or cuts_end) or _unspaced(known[start]) or _unspaced(known[end - 1])


def _unspaced(char: str) -> bool:
    """Whether this script has no spaces between words."""
    return "\u0e00" <= char <= "\u0eff" or "\u3040" <= char <= "\u30ff" or "\u3400" <= char <= "\u9fff"


def _normalised(text: str) -> tuple[str, list[int]]:
    """The text in its normalised form, and the position in `text` of each of its characters."""
    out: list[str] = []
    places: list[int] = []
    at = 0
    while at < len(text):
        width = _width(text, at)
        piece = text[at : at + width]
        for char in _MARKS.get(piece) or unicodedata.normalize("NFKC", piece):
            if unicodedata.category(char) == "Cf":  # soft hyphens, joiners
                continue
            char = " " if char.isspace() else char
            if char == " " and (not out or out[-1] == " "):
                continue
            out.append(char)
            places.append(at)
        at += width
    return "".join(out), places


def _width(text: str, at: int) -> int:
    """The number of characters of one letter with its combining marks."""
    end = at + 1
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end - at
