"""Finds text that a model copied from its prompt into its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from synth.text.tokens import rouge_tokens

# Words of a prompt. Shorter runs also occur by chance.
_RUN = 5

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
        self._runs.difference_update(*map(_runs_of, allowed))

    def found_in(self, text: str) -> str | None:
        """The first run of the prompt's words in a text, or None."""
        return next((" ".join(run) for run in _runs_of(text) if run in self._runs), None)


def repeated_run(text: str, source: str, length: int = _RUN) -> str | None:
    """The first run of `length` words in `text` that also occurs in `source`, or None."""
    known = set(_runs_of(source, length))
    return next((" ".join(run) for run in _runs_of(text, length) if run in known), None)


def _runs_of(text: str, length: int = _RUN) -> Iterator[tuple[str, ...]]:
    words = rouge_tokens(text)
    return (tuple(words[i : i + length]) for i in range(len(words) - length + 1))


def shares_a_word(text: str, other: str, shortest: int = 4) -> bool:
    """Whether the texts share a long word, or the beginning of one (so that inflected forms count)."""
    stems = {word[: max(shortest, len(word) - 3)] for word in rouge_tokens(other) if len(word) >= shortest}
    return any(
        word[: max(shortest, len(word) - 3)] in stems for word in rouge_tokens(text) if len(word) >= shortest
    )
