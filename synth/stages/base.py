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


class Stage(ABC):  # noqa: B024 - a stage that only prepares needs no other method
    """One step of a recipe, built once per run. Rows pass it unchanged, except in its subclasses."""

    # Increase it when the stage makes different rows from the same replies: finished runs with the stage are
    # then replayed once. `tests/stages/test_versions.py` detects such a change.
    version: ClassVar[int] = 1

    # A description of the requests of `prepare`; empty if it sends none.
    preparation: ClassVar[str] = ""

    # The user's files whose content changes the results of the stage.
    files: Sequence[Path] = ()

    # The topics that later makers fill.
    taxonomy: Taxonomy | None = None

    def __init__(self, name: str, options: StageOptions, context: Context) -> None:
        self.name = name
        self.texts: Sequence[str] = context.texts

    async def prepare(self) -> None:  # noqa: B027 - most stages need no preparation
        """Prepares the stage before its first row."""

    def report(self) -> Json:
        """The stage's part of a finished run's summary."""
        return {}


class RowStage(Stage):
    """Works on single rows: many at once, in any order."""

    @abstractmethod
    async def apply(self, row: Row) -> Row:
        """The row after the stage: changed, dropped or failed. Raises `RequestFailed` to fail the
        unchanged row.
        """

    def forecast(self, row: Row) -> Forecast:
        """The requests that `apply` would send for the row, and the expected form of the row afterwards."""
        return Forecast(Requests(), row)


class OrderedStage(Stage):
    """Works on one row at a time, in the run's fixed order.

    Each row waits for all earlier rows, so use it only if the outcome depends on earlier rows.
    """

    @abstractmethod
    def admit(self, row: Row) -> Row:
        """The row after the stage: changed or dropped."""


class Maker(Stage):
    """Makes rows from inputs. Other rows pass it.

    `draw` and `admit` are called in order of `index`, `make` for many at once. A draw may use only rows that
    were admitted up to request `index - window`. The recipe sets the window.
    """

    # Maximum drafts per request.
    drafts_each: int = 1

    @property
    @abstractmethod
    def count(self) -> int | None:
        """The number of drafts that must pass its own filters. None for all that its inputs yield."""

    @abstractmethod
    def draw(self, index: int) -> Any:
        """The input of request `index`. None if nothing is left."""

    @abstractmethod
    async def make(self, index: int, drawn: Any) -> list[Row]:
        """The rows of request `index`, at least one: complete, dropped or failed."""

    def admit(self, index: int, row: Row) -> Row:
        """Applies the maker's own filters: the unchanged row, or the row dropped."""
        return row

    def pass_by(self, row: Row) -> Row:
        """A row from elsewhere after it passed this stage."""
        return row

    @abstractmethod
    def forecast(self, wanted: int | None, drawn: int) -> MakerForecast:
        """The requests for `wanted` more drafts (None: all possible), after `drawn` draws."""


class RowMaker(Maker):
    """A maker whose inputs are rows that reach it. `parents` selects them, and how often each is used."""

    parents: Parents
