"""Measures repetition: weak models, or models at a high temperature, write text that repeats itself."""

from __future__ import annotations

from synth.text.tokens import normal_form, words

# Gopher's rules for web pages (https://arxiv.org/abs/2112.11446, table A1) count repeated runs of 2 to 10
# words; in texts of a few sentences, good writing hardly ever repeats runs of four.
_RUN = 4

# In a text with fewer words, repetition can be a matter of style.
_FEWEST_WORDS = 24


def repeated_share(text: str) -> float:
    """The share of 4-grams (runs of four words) that occur earlier in `text`, 0 to 1; 0 for short texts."""
    found = words(normal_form(text))
    if len(found) < _FEWEST_WORDS:
        return 0.0
    runs = [tuple(found[i : i + _RUN]) for i in range(len(found) - _RUN + 1)]
    return 1 - len(set(runs)) / len(runs)
