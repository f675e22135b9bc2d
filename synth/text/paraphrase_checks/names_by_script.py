"""Finds names that were replaced, in scripts that have no capital letters.

Two kinds of names show without a list of all names: words in Latin letters ("Zoom"), and names with a title
("田中さん"). Other names are left to the judge.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from synth.text.lexicon import MARKED, any_of, markers, whole_word

_LATIN: Final = re.compile(r"[A-Za-z]{2,}")
_NAME_BEFORE: Final = {
    "ja": r"(?:[\u3400-\u9fff]{1,4}|[ァ-ヶー]{2,8})",
    "zh": r"[\u3400-\u9fff]",
    "ko": r"(?:(?<=\s)|^)[가-힣]{1,4}",
}


def changed_name_by_script(before: str, after: str, language: str) -> str | None:
    """A sentence about a name that another one replaced, or None. `language` is that of both texts."""
    kinds = [(_latin(before), _latin(after))]
    if language in MARKED:
        kinds.append((_titled(before, language), _titled(after, language)))
    for old, new in kinds:
        lost = [name for name in old if name not in new and name not in after]
        gained = [name for name in new if name not in old and name not in before]
        if lost and gained:
            return f"{lost[0]!r} became {gained[0]!r}"
    return None


def _latin(text: str) -> list[str]:
    return [word.lower() for word in _LATIN.findall(text)]


def _titled(text: str, language: str) -> list[str]:
    return [match["name"] for match in _title(language).finditer(text)]


@cache
def _title(language: str) -> re.Pattern[str]:
    known = markers(language)
    if known.after_titles:
        return re.compile(rf"(?P<name>{_NAME_BEFORE[language]})\s?{any_of(known.after_titles)}")
    return re.compile(rf"{whole_word(any_of(known.before_titles))}\.?\s(?P<name>\w+)", re.IGNORECASE)
