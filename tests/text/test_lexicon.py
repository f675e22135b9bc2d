"""The word lists by language: mistakes in a file are found here before they affect a check."""

from __future__ import annotations

import re

import pytest

from synth.text.lexicon import (
    LANGUAGES,
    Lexicon,
    MeaningWords,
    any_of,
    lexicon,
    meaning_words,
    pattern_of,
    shared_names,
    words_of,
)
from synth.text.paraphrase_checks.contrasts import LONGEST_ENTRY

# Lists of words that are compared as they are; the entries of all others are regular expressions.
PLAIN = ("function_words", "not_names", "titles", "predicates", "not_subjects", "name_prepositions")


def entries(language: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for field, value in lexicon(language):
        if isinstance(value, tuple):
            found[field] = [entry for entry in value if isinstance(entry, str)]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_entries_are_small_letters_without_repeats(language: str) -> None:
    for field, words in entries(language).items():
        assert len(words) == len(set(words)), field
        assert all(word == word.lower() == word.strip() and word for word in words), field


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_entry_is_a_pattern(language: str) -> None:
    for field, words in entries(language).items():
        for word in words:
            assert re.compile(any_of([word])), (field, word)
        if field in PLAIN:
            assert not [word for word in words if re.search(r"[*+?()|\[\]\\]", word)], field


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_year_has_twelve_months(language: str) -> None:
    assert len(lexicon(language).months) == 12


@pytest.mark.parametrize("language", LANGUAGES)
def test_hints_mean_what_english_knows(language: str) -> None:
    """English fixes the order in which hints are looked for."""
    known = {hint.means for hint in lexicon("en").number_hints}
    assert {hint.means for hint in lexicon(language).number_hints} <= known


def test_a_star_is_any_letters_and_an_apostrophe_is_both() -> None:
    assert re.fullmatch(any_of(["fehl*", "d'après"]), "fehlerhaft")
    assert re.fullmatch(any_of(["fehl*", "d'après"]), "d’après")
    assert pattern_of("negations", "de").search("Das geht nicht.")
    assert not pattern_of("negations", "en").search("Das geht nicht.")


def test_words_of_all_languages_or_of_some() -> None:
    assert {"mr", "herr"} <= words_of("titles")
    assert "herr" not in words_of("titles", "en", "fr")


def test_every_list_is_used_by_a_language() -> None:
    assert all(any(getattr(lexicon(code), field) for code in LANGUAGES) for field in Lexicon.model_fields)


def test_one_name_means_one_thing() -> None:
    names = [name for group in shared_names().same for name in group]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("language", [code for code in LANGUAGES if meaning_words(code) != MeaningWords()])
def test_no_word_is_on_both_sides_of_a_contrast(language: str) -> None:
    words = meaning_words(language)
    for contrast in (*words.opposites, *words.converses):
        one, other = (set(side.split("|")) for side in contrast)
        assert one
        assert other
        assert not one & other
    for contrast in (*words.opposites, *words.converses, *words.kinds):
        entries = [word for side in contrast for word in side.split("|")]
        assert all(word == word.lower() == word.strip() and word for word in entries), contrast
        assert all(len(word.split()) <= LONGEST_ENTRY for word in entries), contrast


@pytest.mark.parametrize("language", [code for code in LANGUAGES if meaning_words(code) != MeaningWords()])
def test_no_contrast_is_listed_twice(language: str) -> None:
    contrasts = [*meaning_words(language).opposites, *meaning_words(language).converses]
    assert len({frozenset(contrast) for contrast in contrasts}) == len(contrasts)
    idioms = meaning_words(language).idioms
    assert len(idioms) == len(set(idioms))
    assert all(len(idiom.split()) <= LONGEST_ENTRY for idiom in idioms)
