"""The rows that a maker draws on which reached it, each so many times, in the run's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from synth.row import Row
from synth.stages.forecast import MakerForecast, Requests

# How a recipe calls the sources of rows.
_SOURCES = {"seed": "seeds", "prompt": "prompts"}

# More draws than any run makes: what a maker has that begins again when it is through.
ENDLESS = 2**62


class Parents:
    """Rows as the pipeline gives them (`add`), and the draws they are worth: `each` of every row.

    `sources` names the sources (`seeds`, `prompts`) and makers whose rows are drawn on, None all of them;
    `fits` says more about the rows. No held-out row is drawn on.

    Draw `i` depends on the rows up to its parent alone. Once no further rows can come, `again` lets the
    draws go on from the first row, round after round, with higher and higher numbers.
    """

    def __init__(
        self, each: int, sources: Sequence[str] | None = None, fits: Callable[[Row], bool] = lambda row: True
    ) -> None:
        self._sources = sources
        self._fits = fits
        self._each = each
        self._rows: list[Row] = []
        self._again = False
        self._expected = 0

    def wanted(self, row: Row, maker: str | None) -> bool:
        """Whether a row is drawn on that this stage made; None for one from a source."""
        source = maker or _SOURCES.get(row.lineage.origin, "")
        named = self._sources is None or source in self._sources
        return named and not row.held_out and self._fits(row)

    def add(self, row: Row) -> None:
        """The next row in the run's order."""
        self._rows.append(row)

    def expect(self, row: Row, count: int) -> None:
        """Takes so many rows like this one that are yet to come."""
        self._rows.extend([row] * count)
        self._expected += count * self._each

    def making(self, wanted: int | None, drawn: int, chain: int, draft: Row) -> MakerForecast:
        """What further drafts take, of `chain` requests each where nothing is dropped on the way."""
        left = max(0, self.available - drawn)
        usual = left if wanted is None else min(wanted, left)
        least = min(usual, max(0, left - self._expected))
        return MakerForecast(Requests(usual * chain, least, left * chain), usual, draft)

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
