"""Which of a few languages a short text is in, by its function words.

Trained language identifiers guess wildly at the length of a request ("How do I reset my password?" is
French to one of the best), and all that the checks need is which word list applies.
"""

from __future__ import annotations

import re
from typing import Final

from synth.text.lexicon import LANGUAGES, lexicon, words_of

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def language_of(text: str) -> str:
    """The code of the language whose function words make up most of `text`; English where none do."""
    return languages_of(text)[0]


def languages_of(text: str) -> list[str]:
    """The languages that fit `text` best: several where their function words are equally many.

    "Por favor, reserve seis mesas para o jantar" counts the same in Spanish and in Portuguese. English where
    no word is known.
    """
    words = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    counts = {code: sum(map(words_of("function_words", code).__contains__, words)) for code in LANGUAGES}
    for code in LANGUAGES:
        counts[code] += any(letter in text for letter in lexicon(code).letters)
    most = max(counts.values())
    return [code for code, count in counts.items() if count == most] if most else ["en"]
