"""Finds parts of an English request that changed places: who does something, and to whom.

"Did Ann call Bob?" is not "Did Bob call Ann?", and "Ann paid Bob" is not "Ann was paid by Bob".
"""

from __future__ import annotations

import re
from typing import Final

from synth.text.lexicon import meaning_words
from synth.text.paraphrase_checks.inflections import is_content, stem_of, tokens_of

_LONG: Final = 200  # words; who does what is not compared in longer texts
_BE: Final = frozenset(("is", "are", "was", "were", "been", "being", "be", "am", "get", "gets", "got"))
_LINKS: Final = frozenset(("and", "or", "nor", "a", "an", "the", "both", "either", "of"))
# Both cases of a pronoun, as one: who calls whom.
_PRONOUNS: Final = {"him": "he", "her": "she", "me": "i", "them": "they", "us": "we", "whom": "who"}
_ROUTE: Final = ("from", "to")
_PART: Final = 4  # words of a part that changes places


def changed_roles(before: str, after: str) -> str | None:
    """A sentence about two parts that changed places, or None."""
    old, new = ([_PRONOUNS.get(word, word) for *_, word in tokens_of(text)] for text in (before, after))
    if len(old) > _LONG or len(new) > _LONG:
        return None
    return _exchanged(old, new) or _wrong_voice(old, new) or _turned_round(old, new)


def _exchanged(old: list[str], new: list[str]) -> str | None:
    """Two parts that changed places in texts of the same words, except in a list or a symmetric relation."""
    if sorted(old) != sorted(new) or old == new or set(old) & set(meaning_words("en").symmetric):
        return None
    first = next(n for n, (a, b) in enumerate(zip(old, new, strict=True)) if a != b)
    end = len(old) - next(
        n for n, (a, b) in enumerate(zip(reversed(old), reversed(new), strict=True)) if a != b
    )
    one, other = old[first:end], new[first:end]
    for left in range(1, _PART + 1):
        for right in range(1, _PART + 1):
            x, link, y = one[:left], one[left : len(one) - right], one[len(one) - right :]
            if len(one) < left + right + 1 or other != [*y, *link, *x]:
                continue
            if not (any(map(_is_somebody, x)) and any(map(_is_somebody, y))) or _is_list(link):
                return None
            return f"{' '.join(x)!r} and {' '.join(y)!r} changed places"
    return None


def _is_somebody(word: str) -> bool:
    return is_content(word) or word in _PRONOUNS.values()


def _is_list(link: list[str]) -> bool:
    """Whether a link is that of a list: "A, B and C"."""
    grammar = {word for word in link if not is_content(word)}
    return bool({"and", "or", "nor"} & grammar) and grammar <= _LINKS


def _wrong_voice(old: list[str], new: list[str]) -> str | None:
    """Somebody who does it in one text, and to whom it is done in the other one."""
    passive, passive_after = _passive(old), _passive(new)
    if passive and passive_after:
        if passive[1] & passive_after[2] and passive[2] & passive_after[1]:
            return _swap(passive[1], passive[2])
        return None
    for sides, other in ((passive, new), (passive_after, old)):
        if sides is None:
            continue
        verb, agent, patient = sides
        if _acts(other, verb, patient, agent):
            return _swap(agent, patient)
    return None


def _swap(one: set[str], other: set[str]) -> str:
    return f"{min(one)!r} and {min(other)!r} changed places"


def _passive(words: list[str]) -> tuple[str, set[str], set[str]] | None:
    """The stems of verb, agent and patient of "the patient was seen by the agent"."""
    for place, word in enumerate(words):
        if word != "by" or not place or not _is_participle(words[place - 1]):
            continue
        be = next((n for n in range(place - 2, -1, -1) if words[n] in _BE), None)
        agent = _content(words[place + 1 : place + 4])
        if be is None or not agent or any(word.isdigit() for word in agent):  # "late by 5 minutes"
            continue
        patient = _content(words[be + 1 : place - 1]) or _content(words[max(0, be - 4) : be])
        if patient:
            return stem_of(words[place - 1]), agent, patient
    return None


def _is_participle(word: str) -> bool:
    return word.endswith("ed") or any(
        word in forms.split("|") for forms in meaning_words("en").irregular.values()
    )


def _acts(words: list[str], verb: str, subject: set[str], thing: set[str]) -> bool:
    """Whether the subject does it to the thing in a text in the active voice."""
    for place, word in enumerate(words):
        if stem_of(word) != verb:
            continue
        before = [stem_of(w) for w in words[:place] if is_content(w)]
        behind = {stem_of(w) for w in words[place + 1 :]}
        return bool(before) and before[-1] in subject and before[-1] not in thing and bool(behind & thing)
    return False


def _content(words: list[str]) -> set[str]:
    return {stem_of(word) for word in words if is_content(word)}


def _turned_round(old: list[str], new: list[str]) -> str | None:
    """A route in the other direction: "from Rome to Oslo", "to Rome from Oslo"."""
    if {"distance", "far", "between"} & {*old, *new}:
        return None
    (start, end), (start_after, end_after) = _route(old), _route(new)
    if start and end and start == end_after and end == start_after and start != end:
        return f"from {start!r} to {end!r} was turned round"
    return None


def _route(words: list[str]) -> tuple[str | None, str | None]:
    """The first content words behind "from" and "to"."""
    found: list[str | None] = []
    for preposition in _ROUTE:
        places = [n for n, word in enumerate(words) if word == preposition]
        behind = ((re.sub(r"'s$", "", w) for w in words[n + 1 : n + 3] if is_content(w)) for n in places)
        found.append(next((next(each, None) for each in behind), None))
    return found[0], found[1]
