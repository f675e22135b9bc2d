"""The axes of `vary`: what each draft is to be like, drawn by a hash in proportion to the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

from synth.stable_hash import fraction
from synth.stages.generate.filters import request_of
from synth.stages.generate.options import AS_IN_SEEDS, GenerateOptions
from synth.stages.source_items import Seed
from synth.text.languages import LANGUAGE_NAMES, UNKNOWN, language_of
from synth.text.tokens import word_count

# The names that a prompt uses. Other codes are used as they are.
_NAMES = {**LANGUAGE_NAMES, UNKNOWN: "the language of the examples"}


class Variety:
    """Draws a value of each axis for each draft, independently of the other axes."""

    def __init__(self, options: GenerateOptions, seeds: Sequence[Seed], salt: str) -> None:
        self._salt = salt
        self._axes: dict[str, Mapping[str, float]] = {}
        for name, values in options.vary.items():
            if isinstance(values, dict):
                self._axes[name] = values
            elif values == AS_IN_SEEDS:
                self._axes[name] = _measured(name, seeds)
            else:
                self._axes[name] = dict.fromkeys(values, 1.0)

    def draw(self, *which: object) -> dict[str, str]:
        """The value of each axis for one draft.

        The value with the shortest exponential waiting time wins (see `few_shot`). So a new value takes over
        the draws that it wins, and changes no other one.
        """
        return {
            name: min(weights, key=lambda value: self._wait(weights[value], name, value, *which))
            for name, weights in self._axes.items()
        }

    def _wait(self, weight: float, *which: object) -> float:
        return -log(1 - fraction(self._salt, "vary", *which)) / weight


def words_of(drawn: Mapping[str, str]) -> str:
    """The drawn values as a prompt shows them."""
    return "; ".join(f"{name}: {value}" for name, value in drawn.items())


def _measured(name: str, seeds: Sequence[Seed]) -> Mapping[str, float]:
    """The weights of the values that the seeds' requests have."""
    shares: dict[str, float] = {}
    for seed in seeds:
        request = request_of(seed.row.conversation)
        value = _length(request) if name == "length" else _language(request)
        shares[value] = shares.get(value, 0.0) + seed.weight
    return {value: shares[value] for value in sorted(shares)}


def _language(text: str) -> str:
    code = language_of(text)
    return _NAMES.get(code, code)


def _length(text: str) -> str:
    """The length in steps that a writer can follow."""
    count = word_count(text)
    step = 5 if count < 30 else 10 if count < 100 else 50
    return f"about {max(step, round(count / step) * step)} words"
