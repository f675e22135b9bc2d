"""Detects the language of a short text, among a few, by its function words.

Trained language identifiers fail on texts as short as a request ("How do I reset my password?" is French to
one of the best). The checks only need to know which word list applies.
"""

from __future__ import annotations

import re
from typing import Final

from synth.text.lexicon import LANGUAGES, lexicon, words_of

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def language_of(text: str) -> str:
    """The code of the language with the most function words in `text`; English if there are none."""
    return languages_of(text)[0]


def languages_of(text: str) -> list[str]:
    """The languages with the most function words in `text`: several for a tie, English if there are none.

    "Por favor, reserve seis mesas para o jantar" has the same number in Spanish and in Portuguese.
    """
    words = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    counts = {code: sum(map(words_of("function_words", code).__contains__, words)) for code in LANGUAGES}
    for code in LANGUAGES:
        counts[code] += any(letter in text for letter in lexicon(code).letters)
    most = max(counts.values())
    return [code for code, count in counts.items() if count == most] if most else ["en"]
