"""What a place to review in can do: a dataset of an Argilla, or a file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from synth.review.records import Record
from synth.review.tasks import Task
from synth.store import Answer, Place

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A place to be there: its name, how many people answer a record, and whether they settle conflicts."""

    name: str
    task: Task
    needed: int = 1
    adjudicates: bool = False
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that could not be sent, and why."""

    row: str
    why: str


class Backend(Protocol):
    """Close it when done. Raises `UnreachableError` where a server is gone."""

    kind: Literal["argilla", "file"]

    @property
    def shares_places(self) -> bool:
        """Whether records that need different numbers of answers can stand in one place."""
        ...

    def close(self) -> None:
        """Lets go of what it holds."""
        ...

    def open(self, wanted: Wanted) -> Place:
        """The place, made where it is missing."""
        ...

    def has(self, place: Place) -> bool:
        """Whether the place is still there."""
        ...

    def is_taken(self, name: str, ours: Collection[str]) -> bool:
        """Whether rows of another run are under this name; `ours` are the ids of this run's places."""
        ...

    def present(self, place: Place) -> Mapping[str, bool]:
        """The records that are there, by row; whether anybody has begun to answer them."""
        ...

    def send(
        self, place: Place, records: Sequence[Record], sent: Callable[[Sequence[Record]], None]
    ) -> list[Refused]:
        """Adds records, or puts them in the place of those with the same row. `sent` hears of each batch."""
        ...

    def answers(self, place: Place) -> Iterator[list[Answer]]:
        """All answers that are there now, in batches."""
        ...
