"""Forms and stems of English words: "open" and "opened", "big" and "biggest", "take" and "taken"."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from synth.text.lexicon import meaning_words, words_of

_TOKEN: Final = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
# Endings in the order in which they are removed, each with the least length of what remains.
_ENDINGS: Final = (
    (("ies", "ied"), 2, "y"),
    (("s",), 2, ""),
    (("ed", "ing"), 2, ""),
    (("est", "er", "ly"), 3, ""),
    (("e", "y", "i"), 2, ""),
)
_VOWELS: Final = frozenset("aeiou")


def tokens_of(text: str) -> list[tuple[int, int, str]]:
    """The words of a text in lower case, with their places."""
    plain = text.replace("’", "'").lower()
    return [(match.start(), match.end(), match.group()) for match in _TOKEN.finditer(plain)]


@cache
def forms_of(word: str) -> frozenset[str]:
    """The forms that a word may have. Some of them do not exist, which does no harm."""
    forms = {word, f"{word}s", f"{word}ed", f"{word}ing", f"{word}er", f"{word}est", f"{word}ly"}
    if word.endswith(("s", "x", "z", "ch", "sh", "o")):
        forms.add(f"{word}es")
    if word.endswith("e"):
        forms |= {word + "d", word + "r", word + "st", word[:-1] + "ing", word[:-1] + "y"}
    elif word.endswith("y") and word[-2:-1] not in _VOWELS:
        forms |= {word[:-1] + ending for ending in ("ies", "ied", "ier", "iest", "ily")}
    elif len(word) > 2 and word[-1] not in _VOWELS | set("wxy") and word[-2] in _VOWELS:
        forms |= {word + word[-1] + ending for ending in ("ed", "ing", "er", "est")}
    if word.endswith("fe"):
        forms.add(word[:-2] + "ves")
    irregular = meaning_words("en").irregular.get(word)
    return frozenset(forms | set(irregular.split("|") if irregular else ()))


@cache
def _base_forms() -> dict[str, str]:
    return {form: base for base, forms in meaning_words("en").irregular.items() for form in forms.split("|")}


@cache
def stem_of(word: str) -> str:
    """What the forms of a word share, roughly: "clean" for "cleaned" and "cleaning"."""
    word = _base_forms().get(word.removesuffix("'s"), word.removesuffix("'s"))
    for endings, least, instead in _ENDINGS:
        for ending in endings:
            if (
                word.endswith(ending)
                and len(word) - len(ending) >= least
                and not word.endswith(("ss", "eed"))
            ):
                word = word[: -len(ending)] + instead
                break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


@cache
def is_content(word: str) -> bool:
    """Whether a word says something, and is no word of grammar or courtesy."""
    return not (word.endswith("n't") or word in _grammar() or word.removesuffix("'s") in _grammar())


@cache
def _grammar() -> frozenset[str]:
    own = frozenset(meaning_words("en").grammar) | frozenset(meaning_words("en").deniers)
    return own | words_of("function_words", "en") | words_of("pleasantries", "en")
