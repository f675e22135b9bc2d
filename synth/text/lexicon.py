"""The word lists of the text checks, one file per language, which speakers of the language can review and
correct.

`lexicons/en.yaml` explains each list. Files are read when a check first runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

import yaml
from pydantic import Field

from synth.recipe.base import Strict

# The order matters: if two languages fit a text equally well, the first one counts.
LANGUAGES: Final = ("en", "de", "fr", "es", "it", "pt", "nl")

# Languages in other scripts, for which the checks have `Markers` only.
MARKED: Final = ("ja", "zh", "ko", "ar", "hi", "ru")

# Marks that belong to the letter before them, in Arabic and Devanagari.
_SIGNS: Final = "\u064b-\u0652\u0900-\u0903\u093a-\u094f\u0962\u0963"

_FOLDER: Final = Path(__file__).parent / "lexicons"
# Every scalar is a text, because "no" and "on" are words here. The C loader is part of the prebuilt wheels.
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

Words = tuple[str, ...]


class Hint(Strict):
    """A word that can replace any of some numbers."""

    means: tuple[float, ...]
    words: Words


class Lexicon(Strict):
    """The word lists of one language. A list that the language does not need is empty."""

    function_words: Words
    common_words: Words = ()
    letters: str = ""
    pleasantries: Words = ()
    negations: Words
    implicit_negations: Words
    idle_negations: Words = ()
    upper_bounds: Words = ()
    lower_bounds: Words = ()
    months: Words
    number_scales: dict[str, float] = Field(default_factory=dict)
    number_hints: tuple[Hint, ...] = ()
    not_names: Words = ()
    titles: Words = ()
    predicates: Words = ()
    not_subjects: Words = ()
    name_prepositions: Words = ()
    before_columns: Words = ()
    list_links: Words = ()
    source_references: Words = ()
    text_nouns: Words = ()
    held_nouns: Words = ()
    text_verbs: Words = ()
    said_in_text: Words = ()
    fine_after_pronoun: Words = ()
    vague_nouns: Words = ()
    of: Words


class Markers(Strict):
    """The negations and numbers of a language in another script. `lexicons/ja.yaml` explains each list."""

    whole_words: bool = False
    negations: Words
    idle_negations: Words
    implicit_negations: Words
    numerals: dict[str, float] = Field(default_factory=dict)
    ordinals: dict[str, float] = Field(default_factory=dict)
    not_numerals: Words = ()
    prefixes: str = ""
    scales: dict[str, float] = Field(default_factory=dict)
    counters: Words = ()
    units: dict[str, str]
    clock: Words = ()
    morning: Words = ()
    afternoon: Words = ()
    half: str = ""
    source_references: Words
    before_titles: Words = ()
    after_titles: Words = ()


class MeaningWords(Strict):
    """Words of one language whose replacement changes what a request asks for. A `|` parts synonyms."""

    opposites: tuple[tuple[str, str], ...] = ()
    converses: tuple[tuple[str, str], ...] = ()
    kinds: tuple[Words, ...] = ()
    idioms: Words = ()
    equal_forms: dict[str, str] = Field(default_factory=dict)
    restrictions: Words = ()
    restrictors: Words = ()
    deniers: Words = ()
    symmetric: Words = ()
    conditions: Words = ()
    grammar: Words = ()
    measures: Words = ()
    synonyms: Words = ()
    irregular: dict[str, str] = Field(default_factory=dict)


class SharedNames(Strict):
    """Names that several languages share: names of the same thing, and forms that differ in their endings."""

    same: tuple[frozenset[str], ...]
    endings: frozenset[str]


@cache
def lexicon(language: str) -> Lexicon:
    """The word lists of one of `LANGUAGES`."""
    return Lexicon.model_validate(_read(language))


@cache
def markers(language: str) -> Markers:
    """The markers of one of `MARKED`."""
    return Markers.model_validate(_read(language))


@cache
def marker_pattern(field: str, language: str) -> re.Pattern[str]:
    """A pattern that finds each entry of a list of `markers`."""
    found = markers(language)
    pattern = any_of(getattr(found, field))
    if found.whole_words:
        pattern = whole_word(pattern.replace(r"\w*", rf"[\w{_SIGNS}]*"))
    return re.compile(pattern, re.IGNORECASE)


def whole_word(pattern: str) -> str:
    """The pattern between the ends of a word. Python's `\\b` sees an end before a vowel sign of Hindi."""
    return rf"(?<![\w{_SIGNS}])(?:{pattern})(?![\w{_SIGNS}])"


@cache
def meaning_words(language: str) -> MeaningWords:
    """The words that change the meaning of a request. Empty for a language without such a list."""
    if not (_FOLDER / f"{language}_meaning.yaml").exists():
        return MeaningWords()
    return MeaningWords.model_validate(_read(f"{language}_meaning"))


@cache
def shared_names() -> SharedNames:
    """Names that are the same in all languages."""
    return SharedNames.model_validate(_read("names"))


@cache
def words_of(field: str, *languages: str) -> frozenset[str]:
    """All entries of one list, in the given languages or in all. A language without a lexicon has none."""
    return frozenset(_entries(field, languages))


@cache
def pattern_of(field: str, *languages: str) -> re.Pattern[str]:
    """A pattern that finds each entry of one list as a whole word, in the given languages or in all."""
    return re.compile(rf"\b{any_of(_entries(field, languages))}\b", re.IGNORECASE)


def any_of(entries: Iterable[str]) -> str:
    """A regular expression for any of the entries: none matches nothing. `*` matches any letters, `'` both
    kinds of apostrophe.
    """
    entries = list(entries)
    if not entries:
        return "(?!)"
    return f"(?:{'|'.join(entries)})".replace("*", r"\w*").replace("'", "['’]")


def _entries(field: str, languages: tuple[str, ...]) -> Words:
    known = [code for code in languages or LANGUAGES if code in LANGUAGES]
    return tuple(word for code in known for word in getattr(lexicon(code), field))


def _read(name: str) -> object:
    data: object = yaml.load((_FOLDER / f"{name}.yaml").read_text("utf-8"), Loader=_LOADER)
    return data
