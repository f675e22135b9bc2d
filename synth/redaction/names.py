"""Finds the names of a user's list. No model guesses names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from synth.errors import RecipeError
from synth.redaction.finders import PersonalValue
from synth.redaction.kinds import DataKind

_WORD: Final = re.compile(r"[^\W_][\w\u0300-\u036f]*(?:[-'’][^\W_][\w\u0300-\u036f]*)*")
_POSSESSIVE: Final = re.compile(r"['’]s?$")


class Names:
    """Finds names as whole words. The length of the list does not matter.

    Names of several words are found in any case and across line ends. A single word is found only as it is
    listed or in capitals, because "Will" and "Rose" are also words.
    """

    def __init__(self, names: list[str]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name in sorted(names, key=len, reverse=True):  # the longest match wins
            words = tuple(_folded(word) for word in _WORD.findall(name))
            if words:
                self._by_first.setdefault(words[0], []).append((words, _nfc(name.strip())))

    def find(self, text: str) -> Iterator[PersonalValue]:
        """The matches, from left to right."""
        matches = list(_WORD.finditer(text))
        at = 0
        while at < len(matches):
            taken = self._at(text, matches, at)
            if taken is None:
                at += 1
                continue
            count, found = taken
            yield found
            at += count

    def _at(self, text: str, matches: list[re.Match[str]], at: int) -> tuple[int, PersonalValue] | None:
        first = _POSSESSIVE.sub("", matches[at].group())
        for words, name in self._by_first.get(_folded(first), ()):
            last = at + len(words) - 1
            if last >= len(matches) or not _joined(text, matches[at : last + 1]):
                continue
            end = matches[last].end()
            possessive = _POSSESSIVE.search(matches[last].group())
            if possessive and _folded(matches[last].group()) != words[-1]:
                end -= len(possessive.group())
            seen = [_folded(_POSSESSIVE.sub("", m.group())) for m in matches[at : last + 1]]
            whole = [_folded(m.group()) for m in matches[at : last + 1]]
            if tuple(seen) != words and tuple(whole) != words:
                continue
            written = text[matches[at].start() : end]
            if len(words) == 1 and _nfc(written) not in (name, name.upper()):
                continue
            return len(words), PersonalValue(matches[at].start(), end, DataKind.NAME, " ".join(words))
        return None


def read_names(file: Path) -> Names:
    """Reads one name per line, without empty lines and lines that begin with "#". Raises `RecipeError`."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise RecipeError(
            "there is no such file.", where=f"redact.names: {file}", hint="Paths are relative to the recipe."
        ) from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise RecipeError("is not a list of names in UTF-8.", where=f"redact.names: {file}") from None
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise RecipeError(
            "contains no names.", where=str(file), hint="Write one per line, or remove `names`."
        )
    short = next((name for name in names if sum(c.isalpha() for c in name) < 2), None)
    if short is not None:
        raise RecipeError(f"{short!r} is too short for a name.", where=str(file))
    return Names(names)


def _joined(text: str, matches: list[re.Match[str]]) -> bool:
    """Whether only white space, or the dot of an initial, is between the words."""
    gaps = (text[a.end() : b.start()] for a, b in pairwise(matches))
    return all(re.fullmatch(r"\.?\s+", gap) for gap in gaps)


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _folded(word: str) -> str:
    return _nfc(word).casefold().replace("’", "'")
