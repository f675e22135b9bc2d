"""Finds the level that a judge's answer gives on a scale, such as 4 in "I would say 4 of 5".

An answer that can be read in two ways has no level.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

# A number, with what makes it something else than a level: a sign, decimals, a unit, a letter after it.
_NUMBER = re.compile(
    r"(?<![A-Za-z\d.,])(?P<sign>(?<!\S)[-−+]|(?<=[:=(])[-−+]|[<>≤≥~≈]=?\s*|[$€£])?"
    r"(?P<whole>\d+)(?:[.,](?P<decimals>\d+))?(?P<rest>[A-Za-z%+½¼¾⅓⅔²³]|[-−](?!\s|$)|[.,]\d)?"
)
# What follows a number that is a part of something: "4/5", "4 out of 5", "3 (of 5)", "2 of the points".
_PART = re.compile(r"[\s*_`]*[\[(]?\s*(?:[/／⁄∕]|(?:out\s+of|of)\b)", re.IGNORECASE)
_TOP = re.compile(rf"\s*(?:(?P<digits>\d+)(?![\d.,]*\d|\s*[/／⁄∕])|(?P<unit>{'|'.join(_UNITS)})\b)")
# What announces the answer's number. Only brackets, quotes and the like may be between.
_LABEL = re.compile(
    r"\b(?:score|rating|grade|level)\b(?:\s+(?:is|of|as|to|would\s+be))?[\s:：=>\-–—*_\"'`()\[\]{]*",
    re.IGNORECASE,
)
_DECORATION = re.compile(r"[\s*_`\"'()\[\]{}<>:.★☆#-]*")


@dataclass(frozen=True, slots=True)
class WrittenLevel:
    """A level, and the place of its digit in the text."""

    level: int
    place: int


@dataclass(frozen=True, slots=True)
class _Number:
    """A number in an answer. `level` is None if it is no level of the scale. `end` is after "of 5"."""

    start: int
    end: int
    level: int | None


def written_level(text: str, levels: range) -> WrittenLevel | None:
    """The level that `text` gives, or None if there is none or more than one.

    A number after a label ("Score: 4") wins over one that is alone in its line, and that over one that is
    alone in the text. "4/5" and "4 out of 5" are one number, which counts only if 5 is the highest level.
    """
    shown = _without_scales(text, levels)
    numbers = _numbers(shown, levels)
    for found in (_labelled(shown, numbers), _alone_in_line(shown, numbers), numbers):
        if found:
            given = {number.level for number in found}
            level = given.pop()
            return None if given or level is None else WrittenLevel(level, found[0].start)
    return None


def _without_scales(text: str, levels: range) -> str:
    """The text, with blanks where it repeats the scale: "(1 to 5)", "(out of 5)"."""
    low, top = levels[0], levels[-1]
    scale = rf"(?:on\s+a\s+scale\s+(?:of|from)\s+|from\s+|between\s+|(?:out\s+)?of\s+)?(?<![\d.])\b{low}\s*"
    scale += rf"(?:to|through|and|-|–|—|\.\.)\s*{top}\b(?![.,]?\d)"
    scale += rf"|[(\[]\s*(?:out\s+of|of|/|max\.?)\s*{top}\s*[)\]]"
    return re.sub(scale, lambda match: " " * len(match[0]), text, flags=re.IGNORECASE)


def _numbers(text: str, levels: range) -> list[_Number]:
    numbers: list[_Number] = []
    end = 0
    for match in _NUMBER.finditer(text):
        if match.start() < end:
            continue
        end = match.end()
        level = int(match["whole"])
        exact = not (match["sign"] or match["rest"] or (match["decimals"] or "").strip("0"))
        single = len(match["whole"]) == 1 and level in levels
        if part := _PART.match(text, end):
            top = _TOP.match(text, part.end())
            exact = exact and top is not None and _value(top) == levels[-1]
            end = top.end() if top else part.end()
        numbers.append(_Number(match.start("whole"), end, level if exact and single else None))
    return numbers


def _value(top: re.Match[str]) -> int:
    return int(top["digits"]) if top["digits"] else _UNITS.index(top["unit"].lower())


def _labelled(text: str, numbers: Sequence[_Number]) -> list[_Number]:
    ends = {match.end() for match in _LABEL.finditer(text)}
    return [number for number in numbers if number.start in ends]


def _alone_in_line(text: str, numbers: Sequence[_Number]) -> list[_Number]:
    found = []
    for number in numbers:
        start = text.rfind("\n", 0, number.start) + 1
        end = text.find("\n", number.end)
        line = text[start : number.start] + text[number.end : len(text) if end < 0 else end]
        if _DECORATION.fullmatch(line):
            found.append(number)
    return found
