"""What a stage will ask, as it says of itself (`expect`): what `--dry-run` adds up.

Nothing is known about drafts that no model has written yet, so they are counted as if every answer could be
used and every draft passed its checks. `least` and `most` say how far off that can be.
"""

from __future__ import annotations

from dataclasses import dataclass

from synth.conversation import Conversation, assistant_message, user_message
from synth.row import Candidate, Lineage, Origin, Row


@dataclass(frozen=True, slots=True)
class Requests:
    """How many requests: `usual` where every draft is kept, at least `least`, at most `most` (None: unknown).

    An answer that cannot be used is asked for again: such requests are not counted.
    """

    usual: int = 0
    least: int = 0
    most: int | None = 0

    @classmethod
    def exactly(cls, count: int) -> Requests:
        """So many, whatever is answered."""
        return cls(count, count, count)

    @classmethod
    def up_to(cls, most: int, *, least: int = 0) -> Requests:
        """So many where every draft is kept, and fewer where some are dropped."""
        return cls(most, min(least, most), most)

    def __add__(self, other: Requests) -> Requests:
        most = None if self.most is None or other.most is None else self.most + other.most
        return Requests(self.usual + other.usual, self.least + other.least, most)

    def times(self, rows: int) -> Requests:
        """For so many rows of a kind."""
        most = None if self.most is None else self.most * rows
        return Requests(self.usual * rows, self.least * rows, most)

    def perhaps(self, *, more: bool = False) -> Requests:
        """For rows that may never come; `more`: or more of them than expected."""
        if self == Requests():
            return self
        return Requests(self.usual, 0, None if more else self.most)

    def words(self) -> str:
        """As a table shows it."""
        if self.least == self.most:
            return f"{self.usual:,}"
        if self.most is None:
            return f"{self.usual:,} or more" if self.usual == self.least else f"about {self.usual:,}"
        if self.usual in (self.least, self.most):
            return f"{self.least:,} to {self.most:,}" if self.least else f"up to {self.most:,}"
        return f"about {self.usual:,} ({self.least:,} to {self.most:,})"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What asking about a row takes, and the form in which the row goes on."""

    requests: Requests
    row: Row


@dataclass(frozen=True, slots=True)
class MakerForecast:
    """What a maker's further drafts take: its requests, and the drafts that come of them, like `draft`."""

    requests: Requests
    drafts: int
    draft: Row


def draft_to_come(stage: str, origin: Origin = "seed", *, candidates: int = 0) -> Row:
    """A row that no model has written yet, as far as its form is known."""
    conversation = Conversation([user_message(""), assistant_message("")])
    return Row("", conversation, Lineage(origin, stage=stage), candidates=answers_to_come(candidates))


def answers_to_come(count: int) -> list[Candidate]:
    """So many candidate answers that differ."""
    return [Candidate(f"answer {number}") for number in range(count)]
