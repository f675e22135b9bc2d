"""Finds a condition that an English rewording added or lost, where it kept everything else: "list the dogs",
"list the dogs that have been treated".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from synth.text.lexicon import meaning_words
from synth.text.paraphrase_checks.inflections import is_content
from synth.text.paraphrase_checks.replaced_words import RequestWord, may_mean_the_same, words_of_request

_LONG: Final = 60  # words; conditions are not compared in longer texts
_REACH: Final = 8  # words of a condition
_LEAST: Final = 2  # new content words in it


@dataclass(frozen=True, slots=True)
class _Condition:
    text: str
    content: list[str]


def changed_condition(before: str, after: str) -> str | None:
    """A sentence about a condition that only one text has, or None."""
    old, new = words_of_request(before), words_of_request(after)
    if not old or not new or max(len(old), len(new)) > _LONG:
        return None
    if added := _more(old, new):
        return f"{added!r} was not there"
    if lost := _more(new, old):
        return f"{lost!r} is gone"
    return None


def _more(short: list[RequestWord], long: list[RequestWord]) -> str | None:
    """The condition that asks for more in the longer text, which has everything of the shorter one."""
    content = [word for word in short if is_content(word.text)]
    others = [word for word in long if is_content(word.text)]
    if len(others) < len(content) + _LEAST or any(not _is_in(word, others) for word in content):
        return None
    return next((c.text for c in _conditions(long, {w.text for w in short}) if _is_new(c, content)), None)


def _conditions(words: list[RequestWord], known: set[str]) -> list[_Condition]:
    markers = set(meaning_words("en").conditions) - known
    measures = set(meaning_words("en").measures)
    found = []
    for place, word in enumerate(words):
        if word.text in markers and word.asked:
            piece = words[place : place + _REACH]
            text = " ".join(each.text for each in piece)
            found.append(
                _Condition(text, [w.text for w in piece[1:] if is_content(w.text) and w.text not in measures])
            )
    return found


def _is_new(condition: _Condition, content: list[RequestWord]) -> bool:
    new = [w for w in condition.content if not any(may_mean_the_same(w, other.text) for other in content)]
    return len(new) >= _LEAST


def _is_in(word: RequestWord, others: list[RequestWord]) -> bool:
    return any(word.stem == other.stem or may_mean_the_same(word.text, other.text) for other in others)
