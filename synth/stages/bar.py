"""The bar that a score must reach, such as `>= 4`.

A bar is about levels, and a row reaches it if it is at least as likely as not. So a judge that is 90% sure of
level 4 keeps a row at `>= 4`, whether its probabilities are known or only the number that it writes.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_COMPARISON = re.compile(r"(>=|<=|>|<)\s*(-?\d{1,6}(?:\.\d{1,6})?)")

# The least probability of the levels that satisfy the bar.
LEAST_CHANCE = 0.5


@dataclass(frozen=True, slots=True)
class Bar:
    """A comparison with a level. A bound between two levels acts as the next one: `>= 4.5` needs level 5."""

    symbol: str
    bound: float

    @classmethod
    def parse(cls, value: object) -> Bar:
        """The bar of a recipe's `keep`; a number alone is the least level. Raises `ValueError`."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = f">= {value:g}"
        match = _COMPARISON.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise ValueError("must be a comparison such as '>= 4'")
        return cls(match[1], float(match[2]))

    def __str__(self) -> str:
        return f"{self.symbol} {self.bound:g}"

    def holds(self, level: float) -> bool:
        """Whether a row of this level satisfies the bar."""
        return _COMPARISONS[self.symbol](level, self.bound)
