"""Splits texts into words for comparison, and computes the normal form in which equal texts count as copies.

For ASCII text, the words are exactly the tokens of the `rouge-score` package (lowercased `[a-z0-9]+`, no
stemmer). That package ignores other scripts. There, a word is a run of letters, digits and their combining
marks; in scripts without spaces (Chinese, Japanese, Thai, Lao, Burmese, Khmer) each character is a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_HAN_AND_KANA = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SOUTHEAST_ASIAN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_UNSPACED = _SOUTHEAST_ASIAN + _HAN_AND_KANA
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_IS_HAN_OR_KANA = re.compile(f"[{_HAN_AND_KANA}]")
_IS_SOUTHEAST_ASIAN = re.compile(f"[{_SOUTHEAST_ASIAN}]")
_RUN = re.compile(rf"[{_HAN_AND_KANA}]+|[{_SOUTHEAST_ASIAN}]+|[^\s{_UNSPACED}]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")

# Punctuation that changes the meaning: 2+2 and 2*2, C and C#, 5 and 5%. All other punctuation is ignored.
_MEANINGFUL = frozenset("#%&*+-/<=>@\\^|~$")


class _Table(dict[int, "str | None"]):
    """A table for `str.translate` that computes each character's entry on first use."""

    def __init__(self, decide: Callable[[str], str | None]) -> None:
        super().__init__()
        self._decide = decide

    def __missing__(self, codepoint: int) -> str | None:
        self[codepoint] = answer = self._decide(chr(codepoint))
        return answer


def _word_character(char: str) -> str | None:
    return char if unicodedata.category(char)[0] in "LMN" else " "


def _folded_character(char: str) -> str | None:
    category = unicodedata.category(char)
    if category == "Cf" or "\ufe00" <= char <= "\ufe0f":  # joiners, soft hyphens, variation selectors
        return None
    if category == "Nd":
        return str(unicodedata.decimal(char))
    folds = category[0] in "PZC" and char not in _MEANINGFUL
    return " " if folds or char == "`" else char


_WORD_CHARACTERS = _Table(_word_character)
_FOLDED_CHARACTERS = _Table(_folded_character)


def rouge_tokens(text: str) -> list[str]:
    """The words that ROUGE compares, in order; see the module's docstring for text that is not ASCII."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower().translate(_WORD_CHARACTERS))


def letter_runs(text: str) -> list[str]:
    """Runs of letters and digits in lower case; where the script changes between one with spaces and one
    without, a new run begins.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_WORD_CHARACTERS)
    return _RUN.findall(folded)


def is_unspaced(run: str) -> bool:
    """Whether a run of `letter_runs` is in a script without spaces."""
    return bool(_IS_HAN_OR_KANA.match(run) or _IS_SOUTHEAST_ASIAN.match(run))


def normal_form(text: str) -> str:
    """The text without irrelevant differences: case, Unicode form, punctuation, white space.

    Two texts with equal normal forms are exact copies. Symbols of arithmetic and of programming languages
    stay. A text of only punctuation keeps it, so that "?" and "..." stay different.
    """
    if text.isascii():
        folded = text.lower()
    else:
        # Normalised twice, because casefolding can undo the composition (as in Unicode's NFKC_Casefold).
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.translate(_FOLDED_CHARACTERS).split()) or " ".join(folded.split())


# About how many characters a word has in scripts without spaces.
_CHARACTERS_A_WORD = 2
_CHARACTERS_A_WORD_SOUTHEAST_ASIAN = 4


def word_count(text: str) -> int:
    """The number of words. Estimated in scripts without spaces: two characters of Chinese or Japanese are one
    word, and so are four of Thai, Lao, Burmese or Khmer.
    """
    if text.isascii():
        return len(text.split())
    return sum(_words_in(run) for run in _RUN.findall(text) if any(char.isalnum() for char in run))


def _words_in(run: str) -> int:
    if _IS_HAN_OR_KANA.match(run):
        return -(-len(run) // _CHARACTERS_A_WORD)
    if _IS_SOUTHEAST_ASIAN.match(run):
        return -(-len(run) // _CHARACTERS_A_WORD_SOUTHEAST_ASIAN)
    return 1


def words(normal: str) -> list[str]:
    """The words of a text in its normal form."""
    return normal.split() if normal.isascii() else _WORD.findall(normal)
