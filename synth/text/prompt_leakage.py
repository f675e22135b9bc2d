"""Finds text that a model copied from its prompt into its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from synth.text.tokens import rouge_tokens, word_count

# Words of a prompt. Shorter runs also occur by chance.
_RUN = 5

# Letters of the beginning of a word.
_STEM = 4

# The parts of a template that are not its own words.
_TAG = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)


class PromptWords:
    """The runs of words that a prompt's own text has, without the values of its variables.

    Runs that occur in one of the `allowed` texts do not count: a writer may use the words of the seeds.
    """

    def __init__(self, templates: Iterable[str], allowed: Iterable[str]) -> None:
        # Split at tags, so that no run spans the place of a value.
        texts = (text for template in templates for text in _TAG.split(template))
        self._runs = {run for text in texts for run in _runs_of(text)}
        for text in allowed:
            self._runs.difference_update(_runs_of(text))

    def found_in(self, text: str) -> str | None:
        """The first run of the prompt's words in a text, or None."""
        return next((" ".join(run) for run in _runs_of(text) if run in self._runs), None)


def repeated_run(text: str, source: str, but: str = "") -> str | None:
    """The first run of five words in `text` that also occurs in `source` and not in `but`, or None.

    In a script without spaces, a run has about as many characters as five words.
    """
    length = _RUN * max(1, round(len(rouge_tokens(text)) / (word_count(text) or 1)))
    known = set(_runs_of(source, length)).difference(_runs_of(but, length))
    run = next((run for run in _runs_of(text, length) if run in known), ())
    return ("" if all(map(_is_unspaced, run)) else " ").join(run) or None


def _runs_of(text: str, length: int = _RUN) -> Iterator[tuple[str, ...]]:
    words = rouge_tokens(text)
    return (tuple(words[i : i + length]) for i in range(len(words) - length + 1))


def shares_a_word(text: str, other: str) -> bool:
    """Whether the texts share a long word, or the beginning of one (so that inflected forms count).

    A word is long from four letters. In Korean, two syllables are enough; in scripts without spaces, two
    characters.
    """
    return not _stems(text).isdisjoint(_stems(other))


def _stems(text: str) -> set[str]:
    words = rouge_tokens(text)
    stems = {word[: max(_STEM, len(word) - 3)] for word in words if len(word) >= _STEM}
    stems |= {word[:2] for word in words if len(word) >= 2 and "가" <= word[0] <= "힣"}
    pairs = ((a, b) for a, b in pairwise(words) if _is_unspaced(a) and _is_unspaced(b))
    # Two hiragana are mostly grammar.
    return stems | {a + b for a, b in pairs if not ("ぁ" <= a <= "ゟ" and "ぁ" <= b <= "ゟ")}


def _is_unspaced(word: str) -> bool:
    """Whether a word is one character of a script without spaces."""
    return len(word) == 1 and word.isalpha() and ("\u0e00" <= word <= "\u17ff" or word >= "\u3040")
