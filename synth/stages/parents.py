"""The rows that a maker draws on which reached it, each so many times, in the run's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from synth.recipe.model import Recipe
from synth.row import Row
from synth.stages.expected import Making, Requests

# More draws than any run makes: what a maker has that begins again when it is through.
ENDLESS = 2**62


class Parents:
    """Rows as the pipeline gives them (`take`), and the draws they are worth: `each` of every row.

    Draw `i` depends on the rows up to its parent alone. Once no further rows can come, `again` lets the
    draws go on from the first row, round after round, with higher and higher numbers.
    """

    def __init__(self, each: int, wanted: Callable[[Row], bool]) -> None:
        self.wanted = wanted
        self._each = each
        self._rows: list[Row] = []
        self._again = False
        self._expected = 0

    def take(self, row: Row) -> None:
        """The next row in the run's order."""
        self._rows.append(row)

    def expect(self, row: Row, count: int) -> None:
        """Takes so many rows like this one that are yet to come."""
        self._rows.extend([row] * count)
        self._expected += count * self._each

    def making(self, wanted: int | None, drawn: int, chain: int, draft: Row) -> Making:
        """What further drafts take, of `chain` requests each where nothing is dropped on the way."""
        left = max(0, self.available - drawn)
        usual = left if wanted is None else min(wanted, left)
        least = min(usual, max(0, left - self._expected))
        return Making(Requests(usual * chain, least, left * chain), usual, draft)

    def again(self) -> None:
        """All rows are here, and more draws are wanted than they were worth."""
        self._again = True

    @property
    def available(self) -> int:
        """How many draws there are so far."""
        if self._again and self._rows:
            return ENDLESS
        return len(self._rows) * self._each

    def draw(self, index: int) -> tuple[Row, int] | None:
        """The parent of draw `index`, and which of the parent's draws this is; None where there is none."""
        if index >= self.available:
            return None
        turn, rest = divmod(index, len(self._rows) * self._each) if self._again else (0, index)
        place, draw = divmod(rest, self._each)
        return self._rows[place], turn * self._each + draw

    @property
    def rows(self) -> Sequence[Row]:
        """Those that have come so far."""
        return self._rows


def turn_of(parent: Row, number: int, turns: int) -> int:
    """Which of so many ways draw `number` of a row takes: they go on from row to row, so none is missed."""
    return (int(parent.id[:8], 16) + number) % turns


def comes_from(recipe: Recipe, names: Sequence[str] | None) -> Callable[[Row], bool]:
    """Whether a row is of these sources (`seeds`, `prompts`) and makers; for None, any that may be shown."""
    sources = {"seed": "seeds", "prompt": "prompts"}

    def wanted(row: Row) -> bool:
        if row.held_out:
            return False
        made_by = recipe.stages[row.born - 1].name if row.born else sources.get(row.lineage.origin, "")
        return names is None or made_by in names

    return wanted
