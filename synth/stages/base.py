"""The kinds of stage: `RowStage`, `OrderedStage`, `Maker` and `RowMaker`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from synth.llm.base import Json
from synth.recipe.base import StageOptions
from synth.row import Row
from synth.stages.context import Context
from synth.stages.forecast import Forecast, MakerForecast, Requests
from synth.stages.parents import Parents
from synth.stages.taxonomy import Taxonomy

T = TypeVar("T")


class Stage(ABC):  # noqa: B024 - one that only prepares has nothing more to say
    """One step of a recipe, built once for a run. Rows pass it as they are; the subclasses do more."""

    # To be raised when the stage makes other rows of the same replies: finished runs with the stage are then
    # replayed once. `tests/stages/test_versions.py` notices such a change.
    version: ClassVar[int] = 1

    # What `prepare` asks for, in words; empty where it asks nothing.
    preparation: ClassVar[str] = ""

    # Files beside the recipe whose content decides what the stage does.
    files: Sequence[Path] = ()

    # Topics that makers behind this stage fill.
    taxonomy: Taxonomy | None = None

    def __init__(self, name: str, options: StageOptions, context: Context) -> None:
        self.name = name
        self.texts: Sequence[str] = context.texts

    async def prepare(self) -> None:  # noqa: B027 - most stages have nothing to find out
        """Finds out what the stage has to know before the first row."""

    def report(self) -> Json:
        """What the summary of a finished run says about the stage."""
        return {}


class RowStage(Stage):
    """Works on one row by itself; many at once, in no order."""

    @abstractmethod
    async def apply(self, row: Row) -> Row:
        """The row as it goes on: changed, dropped or failed. Raises `RequestFailed` to fail it as it came."""

    def forecast(self, row: Row) -> Forecast:
        """What `apply` would ask about the row, and the form in which the row would go on."""
        return Forecast(Requests(), row)


class OrderedStage(Stage):
    """Works on one row at a time, in the run's fixed order.

    Each row waits for those before it, so this is only for stages whose outcome depends on earlier rows.
    """

    @abstractmethod
    def admit(self, row: Row) -> Row:
        """The row as it goes on: changed or dropped."""


class Maker(Stage):
    """Makes rows from what people gave. Other rows pass it.

    `draw` and `admit` are called in order of `index`, `make` for many at once. A draw may use rows that were
    admitted up to request `index - window`, where the recipe says how large the window is, and no others.
    """

    # Drafts that one request gives, at most.
    drafts_each: int = 1

    @property
    @abstractmethod
    def count(self) -> int | None:
        """How many drafts are to pass its own filters; None for as many as come of what it draws on."""

    @abstractmethod
    def draw(self, index: int) -> Any:
        """What request `index` is made from; None where there is nothing left to draw on."""

    @abstractmethod
    async def make(self, index: int, drawn: Any) -> list[Row]:
        """The rows that request `index` gives, at least one: whole, dropped or failed."""

    def admit(self, index: int, row: Row) -> Row:
        """The maker's own filters: the row as it is, or dropped."""
        return row

    def pass_by(self, row: Row) -> Row:
        """A row that comes from elsewhere, as it goes on."""
        return row

    @abstractmethod
    def forecast(self, wanted: int | None, drawn: int) -> MakerForecast:
        """What it takes to make `wanted` more drafts (None: all there are), after `drawn` draws."""


class RowMaker(Maker):
    """A maker that draws on the rows that reach it. `parents` says on which, and how often on each."""

    parents: Parents
