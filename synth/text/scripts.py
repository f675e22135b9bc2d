"""Detects the language of a text in any script, or else its script."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Final

from synth.text.languages import language_of
from synth.text.lexicon import words_of

_MOST_READ = 1000  # letters; a longer text is probably in one language, so only its beginning is read

# Scripts of (nearly) only one language, by the first word of their letters' Unicode names.
_OF_ONE_LANGUAGE: Final = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "CJK": "zh",
    "THAI": "th",
    "GREEK": "el",
    "HEBREW": "he",
}


def language_or_script(text: str) -> str:
    """The code of a language, or the name of a script that several languages share (`cyrillic`, `arabic`).

    Latin letters go to `language_of`, which knows seven languages; everything uncertain counts as English.
    Kana distinguish Japanese from Chinese.
    """
    start = text[:_MOST_READ]
    if start.isascii():
        return _latin(start)
    scripts = Counter(unicodedata.name(letter, "").partition(" ")[0] for letter in start if letter.isalpha())
    if scripts["HIRAGANA"] + scripts["KATAKANA"] and scripts["CJK"]:
        scripts["HIRAGANA"] += scripts.pop("CJK")
    script = max(scripts, key=lambda name: (scripts[name], name), default="LATIN")
    if script == "LATIN":
        return _latin(start)
    return _OF_ONE_LANGUAGE.get(script, script.lower())


def _latin(text: str) -> str:
    language = language_of(text)
    words = set(text.lower().replace("’", "'").split())
    return language if len(words & words_of("function_words", language)) > 1 else "en"
