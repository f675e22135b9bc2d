"""Measures how consistent a judge is that compares answers in both orders (position swap,
arXiv:2306.05685).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from synth.llm.base import Json
from synth.store.reader import RunReader


@dataclass
class PositionBias:
    """The number of answer pairs that were judged in both orders.

    `agree` pairs have the same winner, or a tie, in both orders. In `flipped` pairs, each order prefers a
    different answer. The other pairs have a winner in only one order.
    """

    pairs: int = 0
    agree: int = 0
    flipped: int = 0

    def add(self, first: Sequence[float], second: Sequence[float]) -> None:
        """Counts a row's pairs. The arguments are its answers' scores in the two orders."""
        for one, other in combinations(range(len(first)), 2):
            here = _sign(first[one] - first[other])
            there = _sign(second[one] - second[other])
            self.pairs += 1
            self.agree += here == there
            self.flipped += here * there < 0

    def document(self) -> Json:
        """The document that `synth run --json` prints."""
        rate = round(self.flipped / self.pairs, 4) if self.pairs else None
        return {"pairs": self.pairs, "agree": self.agree, "flipped": self.flipped, "flip_rate": rate}

    def words(self, stage: str) -> str:
        """The same as one line of text."""
        if not self.pairs:
            return f"{stage}: no row has two answers to compare in both orders."
        return (
            f"{stage}: of {self.pairs} pairs of answers judged in both orders, {self.agree} come out the same"
            f" ({self.agree / self.pairs:.0%}) and {self.flipped} the other way round"
            f" ({self.flipped / self.pairs:.0%})."
        )


def position_bias_of(reader: RunReader) -> dict[str, PositionBias]:
    """The position bias of each stage that judges in both orders, over all rows."""
    asking = {
        stage["name"]: PositionBias() for stage in reader.recipe["stages"] if stage["options"].get("swap")
    }
    for row in reader.rows() if asking else ():
        if row.superseded:
            continue
        for event in row.history:
            if event.did == ("scored_together",) and event.stage in asking:
                by_order = event.details["by_order"]
                if len(by_order) == 2:
                    asking[event.stage].add(*by_order)
    return asking


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)
