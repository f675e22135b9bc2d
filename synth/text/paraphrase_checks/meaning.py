"""Whether a rewording still asks the same: what can be told without a model.

The checks go from the certain to the likely: a copy, a changed number, negation, name or literal, and last
the similarity of the two texts, which has to lie inside a band. A judge decides the rest.
"""

from __future__ import annotations

import re
from typing import Final

from rapidfuzz import fuzz

from synth.text.languages import language_of
from synth.text.lexicon import pattern_of
from synth.text.paraphrase_checks.entities import changed_entity
from synth.text.paraphrase_checks.literals import changed_literal
from synth.text.paraphrase_checks.negations import changed_negation
from synth.text.paraphrase_checks.numbers import changed_numbers
from synth.text.paraphrase_checks.reasons import MeaningReason
from synth.text.similarity.embedding import similarity
from synth.text.tokens import normal_form, words

# Below this cosine the texts ask different things (benchmarks/planted.py prints what it costs).
LEAST_SIMILARITY: Final = 0.25
# From this share of equal letters on, a rewording is the same text with a slip in it.
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
    """Why `after` is no rewording of `before`, and the words for it. None where it is one."""
    if _plain(before) == _plain(after):
        return MeaningReason.COPY, "the same words"
    if detail := changed_numbers(before, after):
        return MeaningReason.NUMBER, detail
    if literal := changed_literal(before, after):
        return literal
    if detail := changed_negation(before, after):
        return MeaningReason.NEGATION, detail
    if detail := changed_entity(before, after):
        return MeaningReason.ENTITY, detail
    if is_copy(before, after):
        return MeaningReason.COPY, "hardly a word differs"
    if language_of(before) == language_of(after):
        near = similarity(before, after)
        if near < LEAST_SIMILARITY:
            return MeaningReason.OTHER_QUESTION, f"similarity {near:.2f}, wanted {LEAST_SIMILARITY} or more"
    return None


def is_copy(before: str, after: str) -> bool:
    """Whether nothing was reworded: courtesies, contractions and a slip of the pen aside."""
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
