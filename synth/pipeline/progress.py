"""The progress of a run, for displays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from synth.llm.base import Client, PrefixCounts
from synth.llm.budget import BudgetLedger
from synth.llm.model import Model
from synth.slot import Slot


@dataclass
class StageCount:
    """The rows at one stage.

    `came` counts rows that reached the stage or were made there. The other numbers count only drafts:
    `drafts` came from elsewhere, `done` of them have left, and `through` of these passed to the next stage. A
    maker has `made` drafts that passed its filters, of the `wanted` number if it is known. `asks` marks
    stages that send requests, which take time.
    """

    name: str
    came: int = 0
    passed: int = 0
    dropped: int = 0
    failed: int = 0
    drafts: int = 0
    done: int = 0
    through: int = 0
    made: int = 0
    wanted: int | None = None
    asks: bool = False

    @property
    def waiting(self) -> int:
        """The rows that have come but not left."""
        return self.came - self.passed - self.dropped - self.failed

    @property
    def share(self) -> float:
        """The share of drafts that pass this stage; 1 before the first one."""
        return (self.through + 1) / (self.done + 1)


@dataclass
class Progress:
    """Counters by stage, with the sources as stage 0. The pipeline changes them, and a display reads them.

    With a `target`, makers continue until this number of drafts is accepted. Without one, the run is
    `bounded` if every maker knows its number of drafts.
    """

    stages: list[StageCount] = field(default_factory=list)
    target: int | None = None
    bounded: bool = False
    accepted: int = 0
    ledger: BudgetLedger | None = None
    models: Sequence[Model] = ()
    messages: list[str] = field(default_factory=list)
    on_message: Callable[[str], None] = lambda text: None

    def begin(self, names: Sequence[str]) -> None:
        """Starts counting for these stages."""
        self.stages = [StageCount(name) for name in ("sources", *names)]

    @property
    def clients(self) -> list[Client]:
        """The models' clients, each once, because models may share one."""
        return list({id(model.client): model.client for model in self.models}.values())

    @property
    def prefix_counts(self) -> PrefixCounts:
        """The prefix cache counts of the models' servers in this call."""
        return sum((client.prefix_counts for client in self.clients), PrefixCounts())

    def say(self, text: str) -> None:
        """Shows a message to the user."""
        if text not in self.messages:
            self.messages.append(text)
            self.on_message(text)

    def entered(self, slot: Slot) -> None:
        """Counts rows from a source."""
        self.stages[0].came += len(slot.rows)
        self._settle(0, len(slot.rows), slot)

    def born(self, index: int, slot: Slot) -> None:
        """Counts the rows of one request of a maker."""
        stage = self.stages[index]
        stage.came += len(slot.rows) + len(slot.settled)
        stage.made += len(slot.rows)
        self._settle(index, len(slot.rows) + len(slot.settled), slot)

    def left(self, index: int, before: int, slot: Slot) -> None:
        """Counts a slot that passed a stage, with `before` rows before it."""
        if _are_drafts(slot):
            self.stages[index].done += before
            self.stages[index].through += len(slot.rows)
        self._settle(index, before, slot)

    def _settle(self, index: int, before: int, slot: Slot) -> None:
        gone = before - len(slot.rows)
        stage = self.stages[index]
        if gone:
            failed = sum(row.status == "failed" and ended == index for row, ended in slot.settled)
            stage.failed += failed
            stage.dropped += gone - failed
        stage.passed += len(slot.rows)
        if index + 1 < len(self.stages):
            self.stages[index + 1].came += len(slot.rows)
            self.stages[index + 1].drafts += len(slot.rows) if _are_drafts(slot) else 0


def _are_drafts(slot: Slot) -> bool:
    """Whether the slot has drafts. A slot has either one given row or only drafts."""
    return any(row.draft for row in slot.rows) or any(row.draft for row, _ in slot.settled)
