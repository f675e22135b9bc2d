"""Finds words that a rewording turned into their opposite, or into another kind: more and less, before and
after, join and leave, maximum and average.

A double denial is no change: "not rude" for "polite", "less hopeless" for "more hopeful". `reconciled` writes
such pairs alike before the checks run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from synth.text.lexicon import any_of, meaning_words
from synth.text.paraphrase_checks.inflections import forms_of, is_content, stem_of, tokens_of

Relation = Literal["opposite", "converse", "kind"]

LONGEST_ENTRY: Final = 4  # words
_REACH: Final = 3  # words between a denial and the word that it denies
_GAP: Final = 3  # words between a verb and its particle: "turn the light off"
_PREFIXES: Final = ("un", "in", "im", "ir", "il", "dis", "non", "non-")
_DEGREES: Final = frozenset(("more", "most", "less", "least", "fewer"))


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a contrast, by the number of the contrast."""

    contrast: int
    side: int
    relation: Relation


@dataclass(frozen=True, slots=True)
class _Found:
    """A word of a text that belongs to one side."""

    side: _Side
    start: int
    end: int
    text: str
    index: int  # number of its first token


def changed_contrast(before: str, after: str, language: str) -> tuple[Relation, str] | None:
    """The relation and a sentence for a word that became another one of the same contrast, or None."""
    old, new = _by_contrast(before, language), _by_contrast(after, language)
    rest, rest_after = _unexplained(old, new), _unexplained(new, old)
    for contrast in sorted(old.keys() & new.keys()):
        one, other = _only(rest[contrast], new[contrast]), _only(rest_after[contrast], old[contrast])
        if not one or not other:
            continue
        if _denied(before, one[0], language) != _denied(after, other[0], language):
            continue
        if not _comparable(before, one[0], after, other[0]) or _crossed(before, one[0], after, other[0]):
            continue
        return one[0].side.relation, f"{one[0].text!r} became {other[0].text!r}"
    return _lost_restriction(before, after, language)


def reconciled(before: str, after: str, language: str) -> tuple[str, str]:
    """Both texts, with the other text's word for a denied opposite: "polite" for "not rude"."""
    before, after = _equal_forms(before, language), _equal_forms(after, language)
    for _ in range(4):
        if not (changed := _one_reconciled(before, after, language)):
            return before, after
        before, after = changed
    return before, after


def _equal_forms(text: str, language: str) -> str:
    for form, instead in meaning_words(language).equal_forms.items():
        text = re.sub(rf"\b{form}\b".replace("'", "['’]"), instead, text, flags=re.IGNORECASE)
    return text


def _one_reconciled(before: str, after: str, language: str) -> tuple[str, str] | None:
    for one, other in (*_listed(before, after, language), *_by_affix(before, after)):
        denial, denial_after = _denial(before, one, language), _denial(after, other, language)
        if denial_after and not denial:
            return before, _undenied(after, denial_after, other, one.text)
        if denial and not denial_after:
            return _undenied(before, denial, one, other.text), after
    return None


def _listed(before: str, after: str, language: str) -> Iterator[tuple[_Found, _Found]]:
    """Words of the two texts that the list calls opposites."""
    old, new = _by_contrast(before, language), _by_contrast(after, language)
    for contrast in sorted(old.keys() & new.keys()):
        one, other = _only(old[contrast], new[contrast]), _only(new[contrast], old[contrast])
        degrees = any(each.text in _DEGREES for each in (*one, *other))
        if one and other and not degrees and one[0].side.relation != "kind":
            yield one[0], other[0]


def _by_affix(before: str, after: str) -> Iterator[tuple[_Found, _Found]]:
    """Words of the two texts that are opposites by their form: "visible" and "invisible"."""
    old, new = _by_word(before), _by_word(after)
    for word in sorted(old.keys() - new.keys()):
        bases = {word.removeprefix(prefix) for prefix in _PREFIXES if len(word) > 5} - {word}
        opposites = {prefix + word for prefix in _PREFIXES} | bases
        opposites |= {re.sub("ful$", "less", word), re.sub("less$", "ful", word)}
        for other in sorted((opposites & new.keys()) - old.keys()):
            yield old[word], new[other]


def _by_word(text: str) -> dict[str, _Found]:
    side = _Side(0, 0, "opposite")
    return {
        word: _Found(side, a, b, word, n) for n, (a, b, word) in enumerate(tokens_of(text)) if len(word) > 3
    }


def _undenied(text: str, denial: tuple[int, int, str], word: _Found, instead: str) -> str:
    start, end, denier = denial
    kept = {"cannot": "can", "can't": "can", "won't": "will"}.get(denier, denier.removesuffix("n't"))
    kept = "" if kept == denier else kept
    return f"{text[:start]}{kept}{text[end : word.start]}{instead}{text[word.end :]}"


def _by_contrast(text: str, language: str) -> dict[int, list[_Found]]:
    found: dict[int, list[_Found]] = {}
    for each in _found(text, language):
        found.setdefault(each.side.contrast, []).append(each)
    return found


def _only(here: list[_Found], there: list[_Found]) -> list[_Found]:
    """The words of the sides that only the first text has."""
    sides = {each.side.side for each in there}
    return [each for each in here if each.side.side not in sides]


def _unexplained(found: dict[int, list[_Found]], other: dict[int, list[_Found]]) -> dict[int, list[_Found]]:
    """Without the words for which the other text has a word of the same side: "lower" for "reduce"."""
    sides = {each.side for sides in other.values() for each in sides}
    explained = {each.start for words in found.values() for each in words if each.side in sides}
    return {number: [w for w in words if w.start not in explained] for number, words in found.items()}


def _found(text: str, language: str) -> Iterator[_Found]:
    tokens = tokens_of(text)
    entries, idioms, particles = _entries(language), _idioms(language), _particles(language)
    place = 0
    while place < len(tokens):
        for length in range(LONGEST_ENTRY, 0, -1):
            key = " ".join(word for *_, word in tokens[place : place + length])
            if place + length > len(tokens) or (key not in entries and key not in idioms):
                continue
            start, end = tokens[place][0], tokens[place + length - 1][1]
            if key not in idioms:
                yield from (_Found(side, start, end, text[start:end].lower(), place) for side in entries[key])
            place += length - 1
            break
        word = tokens[place][2]
        for particle in {word for *_, word in tokens[place + 2 : place + 2 + _GAP]} & particles.get(
            word, set()
        ):
            start, end = tokens[place][:2]
            sides = entries[f"{word} {particle}"]
            yield from (_Found(side, start, end, f"{word} {particle}", place) for side in sides)
        place += 1


@cache
def _entries(language: str) -> dict[str, list[_Side]]:
    """The sides by each form of each entry."""
    words = meaning_words(language)
    relations: tuple[tuple[Relation, tuple[tuple[str, ...], ...]], ...] = (
        ("opposite", words.opposites),
        ("converse", words.converses),
        ("kind", words.kinds),
    )
    entries: dict[str, list[_Side]] = {}
    number = 0
    for relation, contrasts in relations:
        for contrast in contrasts:
            number += 1
            for place, side in enumerate(contrast):
                for entry in side.split("|"):
                    for form in _entry_forms(entry, language):
                        entries.setdefault(form, []).append(_Side(number, place, relation))
    return entries


def _entry_forms(entry: str, language: str) -> list[str]:
    first, _, rest = entry.partition(" ")
    forms = forms_of(first) if language == "en" else {first}
    return [f"{form} {rest}" if rest else form for form in forms]


@cache
def _idioms(language: str) -> frozenset[str]:
    return frozenset(meaning_words(language).idioms)


@cache
def _particles(language: str) -> dict[str, set[str]]:
    """The particles of each verb that has some: "turn" has "on" and "off"."""
    found: dict[str, set[str]] = {}
    for entry in _entries(language):
        verb, _, particle = entry.partition(" ")
        if particle in ("on", "off", "down", "up", "in", "out"):
            found.setdefault(verb, set()).add(particle)
    return found


def _denied(text: str, word: _Found, language: str) -> bool:
    return _denial(text, word, language) is not None


def _denial(text: str, word: _Found, language: str) -> tuple[int, int, str] | None:
    """The word that denies or weakens this one, if one stands shortly before it."""
    tokens = tokens_of(text)
    deniers = meaning_words(language).deniers
    for start, end, token in reversed(tokens[max(0, word.index - _REACH) : word.index]):
        if re.search(r"[.,;:?!]", text[end : word.start]):
            return None
        if token in deniers or token.endswith("n't"):
            return start, end, token
    return None


def _comparable(before: str, one: _Found, after: str, other: _Found) -> bool:
    """Whether words of degree belong to the same word. "More hopeful" and "less fearful" may be the same."""
    if one.text not in _DEGREES or other.text not in _DEGREES:
        return True
    words = [word for *_, word in tokens_of(before)], [word for *_, word in tokens_of(after)]
    behind = words[0][one.index + 1 : one.index + 2], words[1][other.index + 1 : other.index + 2]
    if not behind[0] or not behind[1]:
        return True
    stems = {stem_of(word) for word in words[0]}, {stem_of(word) for word in words[1]}
    return stem_of(behind[0][0]) in stems[1] or stem_of(behind[1][0]) in stems[0]


def _crossed(before: str, one: _Found, after: str, other: _Found) -> bool:
    """Whether the two parts that a relation connects changed places as well."""
    compares = re.search(r"\bthan\b", before) and re.search(r"\bthan\b", after)
    if one.side.relation != "converse" and not compares:
        return False
    left, right = _parts(before, one)
    left_after, right_after = _parts(after, other)
    straight = len(left & left_after) + len(right & right_after)
    return len(left & right_after) + len(right & left_after) > straight


def _parts(text: str, word: _Found) -> tuple[set[str], set[str]]:
    """The stems of the content words before and behind a word. "After A, B" is read as "B after A"."""
    start, end = text[: word.start], text[word.end :]
    if not _stems(start) and "," in end:
        inner, _, outer = end.partition(",")
        return _stems(outer), _stems(inner)
    return _stems(start), _stems(end)


def _stems(text: str) -> set[str]:
    return {stem_of(word) for *_, word in tokens_of(text) if is_content(word)}


def _lost_restriction(before: str, after: str, language: str) -> tuple[Relation, str] | None:
    restrictions, restrictors = _restrictions(language)
    if restrictions is None or restrictors is None:
        return None
    old, new = restrictions.search(before), restrictions.search(after)
    if old and not restrictors.search(after):
        return "kind", f"{old.group()!r} is gone"
    if new and not restrictors.search(before):
        return "kind", f"{new.group()!r} was not there"
    return None


@cache
def _restrictions(language: str) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    words = meaning_words(language)
    if not words.restrictions:
        return None, None
    one, other = (
        re.compile(rf"\b{any_of(entries)}\b", re.IGNORECASE)
        for entries in (words.restrictions, words.restrictors)
    )
    return one, other
