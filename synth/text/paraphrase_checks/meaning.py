"""Checks whether a rewording still asks the same, as far as that is possible without a model.

The most certain checks come first: a copy, then a changed number, negation, name or literal, and last the
similarity of the two texts, which must be within a range. A judge decides the rest.
"""

from __future__ import annotations

import re
from typing import Final

from rapidfuzz import fuzz

from synth.text.languages import language_of
from synth.text.lexicon import pattern_of
from synth.text.paraphrase_checks.conditions import changed_condition
from synth.text.paraphrase_checks.contrasts import changed_contrast, reconciled
from synth.text.paraphrase_checks.entities import changed_entity
from synth.text.paraphrase_checks.literals import changed_literal
from synth.text.paraphrase_checks.negations import changed_negation
from synth.text.paraphrase_checks.numbers import changed_numbers
from synth.text.paraphrase_checks.reasons import MeaningReason
from synth.text.paraphrase_checks.replaced_words import changed_tense, changed_word
from synth.text.paraphrase_checks.roles import changed_roles
from synth.text.similarity.unlike import asks_something_else
from synth.text.tokens import normal_form, words

# From this share of equal letters on, a rewording is a copy with a typo.
COPY_RATIO: Final = 96.0

_CONTRACTIONS: Final = (
    ("n't", " not"),
    ("'s", " is"),
    ("'re", " are"),
    ("'m", " am"),
    ("'ve", " have"),
    ("'ll", " will"),
)


def changed_meaning(before: str, after: str) -> tuple[MeaningReason, str] | None:
    """Why `after` is not a rewording of `before`, as a reason and a message. None if it is one."""
    if _plain(before) == _plain(after):
        return MeaningReason.COPY, "the same words"
    languages = language_of(before), language_of(after)
    language = languages[0] if languages[0] == languages[1] else None
    old, new = reconciled(before, after, language) if language else (before, after)
    if detail := changed_numbers(old, new):
        return MeaningReason.NUMBER, detail
    if literal := changed_literal(before, after):
        return literal
    if detail := changed_negation(old, new):
        return MeaningReason.NEGATION, detail
    if detail := changed_entity(before, after):
        return MeaningReason.ENTITY, detail
    if language and (changed := _changed_words(old, new, language)):
        return changed
    if is_copy(before, after):
        return MeaningReason.COPY, "hardly a word differs"
    if language and (detail := asks_something_else(old, new)):
        return MeaningReason.OTHER_QUESTION, detail
    return None


def _changed_words(before: str, after: str, language: str) -> tuple[MeaningReason, str] | None:
    """What ordinary words tell: opposites and kinds, and in English who does what, when and to whom."""
    if contrast := changed_contrast(before, after, language):
        relation, detail = contrast
        return (MeaningReason.KIND if relation == "kind" else MeaningReason.OPPOSITE), detail
    if language != "en":
        return None
    checks = (
        (MeaningReason.ROLES, changed_roles),
        (MeaningReason.TENSE, changed_tense),
        (MeaningReason.WORD, changed_word),
        (MeaningReason.CONDITION, changed_condition),
    )
    return next(((reason, said) for reason, check in checks if (said := check(before, after))), None)


def is_copy(before: str, after: str) -> bool:
    """Whether nothing was reworded, apart from courtesies, contractions and typos."""
    one, other = _plain(before), _plain(after)
    if one == other:
        return True
    shorter = min(len(words(one)), len(words(other)))
    return shorter >= 4 and fuzz.ratio(one, other) >= COPY_RATIO


def _plain(text: str) -> str:
    text = text.replace("’", "'").lower()
    for short, long in _CONTRACTIONS:
        text = re.sub(rf"{short}\b", long, text)
    return normal_form(pattern_of("pleasantries").sub(" ", text)) or normal_form(text)
