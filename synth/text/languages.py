"""Detects the language of a short text: by its script, or by its function words in Latin letters.

Trained language identifiers fail on texts as short as a request ("How do I reset my password?" is French to
one of the best). The checks only need to know which word list applies, and when none does.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from typing import Final

from synth.text.lexicon import LANGUAGES, lexicon, words_of

# The code of ISO 639 for a language that is not determined.
UNKNOWN: Final = "und"

# English names, for prompts and messages.
LANGUAGE_NAMES: Final = {
    "ar": "Arabic", "bn": "Bengali", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fr": "French", "he": "Hebrew", "hi": "Hindi", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "nl": "Dutch", "pt": "Portuguese", "ru": "Russian", "ta": "Tamil", "th": "Thai", "zh": "Chinese",
}  # fmt: skip

_MOST_READ: Final = 1000  # letters; a longer text is probably in one language, so only its beginning is read

# Scripts of (nearly) only one language, by the first word of their letters' Unicode names.
_OF_ONE_LANGUAGE: Final = {
    "HIRAGANA": "ja", "CJK": "zh", "HANGUL": "ko", "THAI": "th", "GREEK": "el", "HEBREW": "he",
    "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "GUJARATI": "gu",
    "GURMUKHI": "pa", "SINHALA": "si", "KHMER": "km", "LAO": "lo", "MYANMAR": "my", "GEORGIAN": "ka",
    "ARMENIAN": "hy",
}  # fmt: skip
# Of a script that several languages share: the largest language, and letters that only the others have.
_SHARED: Final = {
    "ARABIC": ("ar", "پچژگکیےہھٹڈڑں"),
    "CYRILLIC": ("ru", "іїєґўјљњћђџѓќѕәғқңөұүһ"),
    "DEVANAGARI": ("hi", "ळ"),
    "BENGALI": ("bn", "ৰৱ"),
}  # fmt: skip

# A character of these says as much as several letters: "iPhoneの画面をGoogle Driveに保存" is Japanese.
_DENSE: Final = frozenset(("HIRAGANA", "CJK", "HANGUL"))
_DENSITY: Final = 3

_WORD: Final = re.compile(r"\w+(?:['’]\w+)?")
_BEFORE_APOSTROPHE: Final = re.compile(r".*?'(?=.)")
# Letters of the seven languages. A word with another letter is of another language, or a name.
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzàáâãäåæçèéêëìíîïñòóôõöøœùúûüýÿß'’")
# Function words of other languages in Latin letters. None of the seven languages has one of these.
_OTHERS: Final = frozenset(
    re.findall(
        r"\w+",
        "jag och inte att det är hur vill på jeg og ikke hvordan har hvor mitt min mina bu ve bir nasıl için"
        " jak się nie jest czy saya yang dan untuk ini apa bagaimana tidak bisa telah miten ole ja että cum"
        " pot nu mé své hogyan nem az és ang ng ako paano mga tôi không",
    )
)
# The share of function words from which a text is in a language. Requests have about one in two.
_LEAST_SHARE: Final = 0.15
# A single function word does not decide from this number of words on.
_SEVERAL: Final = 7


def language_of(text: str) -> str:
    """The code of a language, or `UNKNOWN`.

    In Latin letters: one of `LANGUAGES`, the one with the most function words.
    """
    start = text[:_MOST_READ]
    script = _script(start)
    if script == "LATIN":
        return _latin(start)[0]
    if script in _SHARED:
        language, others = _SHARED[script]
        return UNKNOWN if any(letter in start.lower() for letter in others) else language
    return _OF_ONE_LANGUAGE.get(script, UNKNOWN)


def languages_of(text: str) -> list[str]:
    """The languages in Latin letters that the text may be in: several for a tie, all if it has no function
    words, none in another script.

    "Por favor, reserve seis mesas para o jantar" has the same number in Spanish and in Portuguese.
    """
    if _script(text[:_MOST_READ]) != "LATIN":
        return []
    found = _latin(text)
    return list(LANGUAGES) if found == [UNKNOWN] else found


def _script(text: str) -> str:
    """The script of most letters. Kana distinguish Japanese from Chinese. Without letters: Latin."""
    if text.isascii():
        return "LATIN"
    scripts = Counter(_script_of(letter) for letter in text if letter.isalpha())
    if scripts["HIRAGANA"]:
        scripts["HIRAGANA"] += scripts.pop("CJK", 0)
    for script in scripts.keys() & _DENSE:
        scripts[script] *= _DENSITY
    return max(scripts, key=lambda name: (scripts[name], name), default="LATIN")


@cache
def _script_of(letter: str) -> str:
    name = unicodedata.name(letter, "").removeprefix("FULLWIDTH ").removeprefix("HALFWIDTH ")
    script = name.partition(" ")[0]
    return "HIRAGANA" if script in ("KATAKANA", "KATAKANA-HIRAGANA") else script


def _latin(text: str) -> list[str]:
    words = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    words = [word for word in words if not word.isdigit()]
    counts = {
        code: sum(_is_of(code, word) for word in words)
        + any(letter in text for letter in lexicon(code).letters)
        for code in LANGUAGES
    }
    foreign = sum(word in _OTHERS or not _LETTERS.issuperset(word) for word in words)
    most = max(counts.values())
    if most <= foreign or most < _LEAST_SHARE * len(words) or (most == 1 and len(words) >= _SEVERAL):
        return [UNKNOWN]
    return [code for code, count in counts.items() if count == most]


def _is_of(code: str, word: str) -> bool:
    """Whether the word, or its beginning before an apostrophe ("l'", "qu'"), is in the language's lists."""
    start = _BEFORE_APOSTROPHE.match(word)
    return word in _words(code) or (start is not None and start.group() in _words(code))


@cache
def _words(code: str) -> frozenset[str]:
    return words_of("function_words", code) | words_of("common_words", code)
