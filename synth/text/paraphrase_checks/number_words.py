"""Finds numbers written as words, in the languages of `languages`. `numbers` reads digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# A hyphen is a separate token, so that 25 is found in "twenty-five-year-old".
_PIECE: Final = re.compile(r"[^\W\d_]+|\d+|.", re.DOTALL)


class _Piece:
    """One word or sign, with the attributes that `text2num` reads."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def text(self) -> str:
        return self._text

    def nt_separated(self, previous: object) -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return False


def worded_numbers(text: str, language: str) -> Iterator[tuple[int, int, float, bool]]:
    """The start, end and value of each number in words, and whether a rewording must keep it.

    "One" and ordinals ("first, open ...") are often not numbers, nor are "null" in German and "sei" in
    Italian: a rewording need not keep these.
    """
    from text_to_num import find_numbers

    often_none = {1} if language == "en" else {0, 1}
    found = list(_PIECE.finditer(text))
    for number in find_numbers([_Piece(match.group()) for match in found], language, threshold=0):
        start, end = found[number.start].start(), found[number.end - 1].end()
        firm = not number.is_ordinal and number.value not in often_none and text[start:end].lower() != "sei"
        yield start, end, number.value, firm
