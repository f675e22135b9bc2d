"""Finds English words that were replaced, where the sentence around them stayed: "feed my goat" and "feed my
fish".

Such a rewording copied everything but the word. It passes if the two words are forms or spellings of one
word, or synonyms by a short list or by their vectors. In a text with a question, statements are not compared:
the judge decides whether they matter.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

from rapidfuzz import fuzz

from synth.text.lexicon import meaning_words
from synth.text.paraphrase_checks.inflections import forms_of, is_content, stem_of, tokens_of
from synth.text.similarity.embedding import similarity

# A smaller cosine have 21% of 86 pairs of synonyms, and 90% of 70 pairs such as "goat" and "fish".
_LEAST_WORD_SIMILARITY: Final = 0.3
_SPELLING: Final = 80.0  # ratio of equal letters of two spellings of a word
_LONG: Final = 200
_MOST_REPLACED: Final = 3
_LEAST_KEPT: Final = 0.6  # share of the words that stay, in the longer text
_IDLE: Final = frozenset(("a", "an", "the", "please", "kindly"))
_PRESENT: Final = frozenset(("is", "are", "am"))
_PAST: Final = frozenset(("was", "were"))
_FUTURE: Final = frozenset(("will", "shall"))
_ASKING: Final = frozenset(("when", "where", "who", "why", "how"))


@dataclass(frozen=True, slots=True)
class RequestWord:
    """A word of a request."""

    text: str
    stem: str
    asked: bool  # in a sentence that asks


def changed_word(before: str, after: str) -> str | None:
    """A sentence about a word that became a word with another meaning, or None."""
    old, new = words_of_request(before), words_of_request(after)
    if max(len(old), len(new)) > _LONG:
        return None
    pieces = _pieces(old, new)
    if pieces is None:
        return None
    stems = {word.stem for word in old} & {word.stem for word in new}
    for lost, gained in pieces:
        moved = any(word.stem in stems and is_content(word.text) for word in (*lost, *gained))
        if moved or not all(word.asked for word in (*lost, *gained)):
            continue
        if detail := _changed_piece(lost, gained):
            return detail
    return None


def changed_tense(before: str, after: str) -> str | None:
    """A sentence about "is" that became "was" or "will be" in the same sentence, or None."""
    old, new = _tense(before), _tense(after)
    if old is None or new is None or old[0] == new[0] or _content(before) != _content(after):
        return None
    return f"{old[1]!r} became {new[1]!r}"


def words_of_request(text: str) -> list[RequestWord]:
    """The words of a request without articles, and whether they are in a sentence that asks."""
    sentences = [s for s in re.split(r"(?<=[.?!])\s+|\n+", text) if s.strip()]
    asking = any(sentence.rstrip().endswith("?") for sentence in sentences)
    return [
        RequestWord(word, stem_of(word), not asking or sentence.rstrip().endswith("?"))
        for sentence in sentences
        for *_, word in tokens_of(sentence)
        if word not in _IDLE
    ]


def _pieces(
    old: list[RequestWord], new: list[RequestWord]
) -> list[tuple[list[RequestWord], list[RequestWord]]] | None:
    """The replaced pieces, if the rest of the text stayed."""
    matcher = difflib.SequenceMatcher(None, [w.stem for w in old], [w.stem for w in new], autojunk=False)
    pieces, kept, added = [], 0, 0
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            kept += i_end - i
        elif kind == "replace":
            pieces.append((old[i:i_end], new[j:j_end]))
        else:
            added += sum(is_content(word.text) for word in (*old[i:i_end], *new[j:j_end]))
    short = all(len(lost) <= 2 and len(gained) <= 3 for lost, gained in pieces)
    if not pieces or len(pieces) > _MOST_REPLACED or not short or added > 1:
        return None
    return pieces if kept >= max(2, _LEAST_KEPT * max(len(old), len(new))) else None


def _changed_piece(lost: list[RequestWord], gained: list[RequestWord]) -> str | None:
    here, there = [w for w in lost if is_content(w.text)], [w for w in gained if is_content(w.text)]
    small, small_after = ({w.text for w in piece if not is_content(w.text)} for piece in (lost, gained))
    if (
        len(here) == len(there) == 1
        and small == small_after
        and not may_mean_the_same(here[0].text, there[0].text)
    ):
        return f"{here[0].text!r} became {there[0].text!r}"
    if here or there or len(lost) != 1 or len(gained) != 1:
        return None
    one, other = lost[0].text, gained[0].text
    if {one, other} <= _ASKING or {one, other} == {"and", "or"}:
        return f"{one!r} became {other!r}"
    return None


@cache
def may_mean_the_same(one: str, other: str) -> bool:
    """Whether two words may mean the same here."""
    if re.search(r"\d", one + other) or stem_of(one) == stem_of(other) or one in other or other in one:
        return True
    if fuzz.ratio(one, other) >= _SPELLING or _groups(one) & _groups(other):
        return True
    return similarity(one, other) >= _LEAST_WORD_SIMILARITY


def _groups(word: str) -> frozenset[int]:
    return _synonyms().get(word, frozenset())


@cache
def _synonyms() -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, group in enumerate(meaning_words("en").synonyms):
        for entry in group.split("|"):
            for form in forms_of(entry):
                found.setdefault(form, set()).add(number)
    return {form: frozenset(numbers) for form, numbers in found.items()}


def _tense(text: str) -> tuple[str, str] | None:
    words = [word for *_, word in tokens_of(text)]
    if any(pair in (("used", "to"), ("use", "to")) for pair in pairwise(words)):
        return "past", "used to"
    for name, forms in (("future", _FUTURE), ("past", _PAST), ("present", _PRESENT)):
        if found := next((word for word in words if word in forms), None):
            return name, found
    return None


def _content(text: str) -> list[str]:
    return sorted(stem_of(word) for *_, word in tokens_of(text) if is_content(word))
