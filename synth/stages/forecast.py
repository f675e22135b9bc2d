"""A stage's forecast of its requests, which `--dry-run` adds up.

Drafts that no model has written yet are counted as if every reply were usable and every draft passed its
checks. `least` and `most` bound the error of this assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

from synth.conversation import Conversation, assistant_message, user_message
from synth.row import Candidate, Lineage, Origin, Row

# The text of a message that no model has written yet. It is not empty, because stages ask for texts.
TO_COME = "(to come)"


@dataclass(frozen=True, slots=True)
class Requests:
    """A number of requests: `usual` if every draft is kept, at least `least`, at most `most` (None: unknown).

    Retries after unusable replies are not counted.
    """

    usual: int = 0
    least: int = 0
    most: int | None = 0

    @classmethod
    def exactly(cls, count: int) -> Requests:
        """Exactly `count`, whatever the replies are."""
        return cls(count, count, count)

    @classmethod
    def up_to(cls, most: int, *, least: int = 0) -> Requests:
        """At most `count`: if every draft is kept. Fewer if some are dropped."""
        return cls(most, min(least, most), most)

    def __add__(self, other: Requests) -> Requests:
        most = None if self.most is None or other.most is None else self.most + other.most
        return Requests(self.usual + other.usual, self.least + other.least, most)

    def times(self, rows: int) -> Requests:
        """The requests for several rows of a kind."""
        most = None if self.most is None else self.most * rows
        return Requests(self.usual * rows, self.least * rows, most)

    def perhaps(self, *, more: bool = False) -> Requests:
        """The requests for rows that may never come. With `more`, there may also be more rows than
        expected.
        """
        if self == Requests():
            return self
        return Requests(self.usual, 0, None if more else self.most)

    def words(self) -> str:
        """The text for a table."""
        if self.least == self.most:
            return f"{self.usual:,}"
        if self.most is None:
            return f"{self.usual:,} or more" if self.usual == self.least else f"about {self.usual:,}"
        if self.usual in (self.least, self.most):
            return f"{self.least:,} to {self.most:,}" if self.least else f"up to {self.most:,}"
        return f"about {self.usual:,} ({self.least:,} to {self.most:,})"


@dataclass(frozen=True, slots=True)
class Forecast:
    """The requests for a row, and the expected form of the row afterwards."""

    requests: Requests
    row: Row


@dataclass(frozen=True, slots=True)
class MakerForecast:
    """The requests for a maker's further drafts, and the expected drafts, which look like `draft`."""

    requests: Requests
    drafts: int
    draft: Row


def draft_to_come(stage: str, origin: Origin = "seed", *, candidates: int = 0, answered: bool = True) -> Row:
    """A placeholder for a row that no model has written yet."""
    answer = [assistant_message(TO_COME)] if answered else []
    return Row(
        "",
        Conversation([user_message(TO_COME), *answer]),
        Lineage(origin, stage=stage),
        candidates=answers_to_come(candidates),
    )


def answers_to_come(count: int) -> list[Candidate]:
    """Placeholders for different candidate answers."""
    return [Candidate(f"answer {number}") for number in range(count)]
