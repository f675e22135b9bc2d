"""Finds negations that a rewording lost or added, and words that it turned into their opposites.

In English, negations are counted. In languages where one negation takes several words ("no ... nada", "ne ...
pas"), only their presence counts. A negation can be reworded without one ("does not work", "is broken"): a
word with a negative meaning replaces a negation, unless the other text has the same word.

In a language without a list of negations, nothing is found.
"""

from __future__ import annotations

import re
from typing import Final

from synth.text.languages import language_of
from synth.text.lexicon import LANGUAGES, MARKED, marker_pattern, pattern_of, words_of

_PREFIXES: Final = ("un", "dis", "in", "im", "non", "non-", "de", "ir", "il", "mis")
_WORD: Final = re.compile(r"[a-z][a-z'’-]{3,}")


def changed_negation(before: str, after: str) -> str | None:
    """A sentence about a negation that only one text has, or None."""
    languages = language_of(before), language_of(after)
    if not all(language in (*LANGUAGES, *MARKED) for language in languages):
        return None
    if languages != ("en", "en"):
        return _by_presence(before, after, languages)
    if flipped := _flipped_bound(before, after):
        return flipped
    old, new = negations_of(before), negations_of(after)
    old_implicit, new_implicit = _implicit(before), _implicit(after)
    lost = len(old) - len(new) - len(new_implicit - old_implicit)
    gained = len(new) - len(old) - len(old_implicit - new_implicit)
    if lost > 0 and (not new or not _joined(after)):
        return f"{old[-1]!r} is gone"
    if gained > 0 and (not old or not _joined(before)):
        return f"{new[-1]!r} was not there"
    return _opposite(before, after) if len(old) == len(new) else None


def negations_of(text: str) -> list[str]:
    """The negations in an English text, as written. "Neither ... nor" counts as one."""
    text = pattern_of("idle_negations", "en").sub(" ", text)
    found = [match.group() for match in pattern_of("negations", "en").finditer(text)]
    lowered = [word.lower() for word in found]
    if "neither" in lowered and "nor" in lowered:
        found.pop(lowered.index("nor"))
    return found


def _implicit(text: str) -> set[str]:
    return {match.group().lower()[:5] for match in pattern_of("implicit_negations", "en").finditer(text)}


def _joined(text: str) -> bool:
    """Whether one negation may cover two things: "no cash or cards"."""
    return bool(re.search(r"\b(?:or|nor|neither|and)\b|[,/]", text, re.IGNORECASE))


def _by_presence(before: str, after: str, languages: tuple[str, str]) -> str | None:
    old, new = (_first(text, language) for text, language in zip((before, after), languages, strict=True))
    old_implicit, new_implicit = _implied(before, languages[0]), _implied(after, languages[1])
    if old and not new and not new_implicit - old_implicit:
        return f"{old!r} is gone"
    if new and not old and not old_implicit - new_implicit:
        return f"{new!r} was not there"
    return None


def _first(text: str, language: str) -> str | None:
    if language == "en":
        return next(iter(negations_of(text)), None)
    if language in MARKED:
        rest = marker_pattern("idle_negations", language).sub(" ", text)
        found = marker_pattern("negations", language).search(rest)
        return found.group() if found else None
    words = words_of("negations", language)
    rest = pattern_of("idle_negations", language).sub(" ", text)
    return next((word for word in re.findall(r"[\w'’]+", rest.lower()) if word in words), None)


def _implied(text: str, language: str) -> set[str]:
    pattern = marker_pattern if language in MARKED else pattern_of
    found = pattern("implicit_negations", language).finditer(text)
    return {match.group().lower()[:5] for match in found}


def _flipped_bound(before: str, after: str) -> str | None:
    """Finds bounds that were reversed, as "no more than 5" and "more than 5"."""
    upper, lower = pattern_of("upper_bounds", "en"), pattern_of("lower_bounds", "en")
    old = upper.search(before), lower.search(before)
    new = upper.search(after), lower.search(after)
    if old[0] and not old[1] and new[1] and not new[0]:
        return f"{old[0].group()!r} became {new[1].group()!r}"
    if old[1] and not old[0] and new[0] and not new[1]:
        return f"{old[1].group()!r} became {new[0].group()!r}"
    return None


def _opposite(before: str, after: str) -> str | None:
    old_words, new_words = set(_WORD.findall(before.lower())), set(_WORD.findall(after.lower()))
    for prefix in _PREFIXES:
        for a, b in ((old_words, new_words), (new_words, old_words)):
            for word in sorted(a - b):
                denied = prefix + word
                if denied in b and denied not in a:
                    return f"{word!r} and {denied!r}"
    return None
