"""The parent rows of a maker, each used a fixed number of times, in the run's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from synth.row import Row
from synth.stages.forecast import MakerForecast, Requests

# The recipe's names for sources of rows.
_SOURCES = {"seed": "seeds", "prompt": "prompts"}

# More draws than any run makes: the supply of a maker that can start again from its first row.
ENDLESS = 2**62


class Parents:
    """The rows that the pipeline adds (`add`), and their draws: `each` per row.

    `sources` names the sources (`seeds`, `prompts`) and makers whose rows are used; None means all. `fits` is
    a further condition on rows. Held-out rows are never used. Draw `i` depends only on the rows up to its
    parent. When no further rows can come, `again` continues from the first row, with increasing numbers.
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
        """Whether rows of this stage are used. None means a source."""
        source = maker or _SOURCES.get(row.lineage.origin, "")
        named = self._sources is None or source in self._sources
        return named and not row.held_out and self._fits(row)

    def add(self, row: Row) -> None:
        """Adds the next row in the run's order."""
        self._rows.append(row)

    def expect(self, row: Row, count: int) -> None:
        """Adds a number of expected rows like this one, for a forecast."""
        self._rows.extend([row] * count)
        self._expected += count * self._each

    def making(self, wanted: int | None, drawn: int, chain: int, draft: Row) -> MakerForecast:
        """The forecast of further drafts, with `chain` requests per draft if nothing is dropped."""
        left = max(0, self.available - drawn)
        usual = left if wanted is None else min(wanted, left)
        least = min(usual, max(0, left - self._expected))
        return MakerForecast(Requests(usual * chain, least, left * chain), usual, draft)

    def again(self) -> None:
        """Starts another round over all rows. No more rows may be added."""
        self._again = True

    @property
    def available(self) -> int:
        """The number of draws so far."""
        if self._again and self._rows:
            return ENDLESS
        return len(self._rows) * self._each

    def draw(self, index: int) -> tuple[Row, int] | None:
        """The parent of draw `index`, and the draw's number for this parent. None if there is none."""
        if index >= self.available:
            return None
        turn, rest = divmod(index, len(self._rows) * self._each) if self._again else (0, index)
        place, draw = divmod(rest, self._each)
        return self._rows[place], turn * self._each + draw

    @property
    def rows(self) -> Sequence[Row]:
        """The rows so far."""
        return self._rows


def turn_of(parent: Row, number: int, turns: int) -> int:
    """The index of the variant for draw `number` of a row. Variants continue from row to row, so that all
    are used.
    """
    return (int(parent.id[:8], 16) + number) % turns
