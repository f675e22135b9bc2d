"""What a run has done so far, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from synth.llm.base import Client, PrefixCounts
from synth.llm.budget import BudgetLedger
from synth.llm.model import Model
from synth.slot import Slot


@dataclass
class StageCount:
    """Rows at one stage. `came` counts what reached it or was born there.

    The rest is about drafts alone, and says how far they are: `drafts` came from elsewhere, `done` of them
    have left, `through` of these to the next stage. A maker has `made` so many of its own that passed its
    filters, of those `wanted`, where it is known how many. `asks` is for stages that take time.
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
        """Rows that have come and not left."""
        return self.came - self.passed - self.dropped - self.failed

    @property
    def share(self) -> float:
        """The share of drafts that pass this stage; one, before any has come."""
        return (self.through + 1) / (self.done + 1)


@dataclass
class Progress:
    """Counters by stage, with the sources as stage 0; changed by the pipeline, read by a display.

    With a `target`, makers go on until so many drafts are accepted; without one, the run is `bounded` where
    every maker knows how much there is to make.
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
        """Starts the count over these stages."""
        self.stages = [StageCount(name) for name in ("sources", *names)]

    @property
    def clients(self) -> list[Client]:
        """Those of the models, each once: models may share one."""
        return list({id(model.client): model.client for model in self.models}.values())

    @property
    def prefix_counts(self) -> PrefixCounts:
        """What the models' servers say of their prefix caches, in this call."""
        return sum((client.prefix_counts for client in self.clients), PrefixCounts())

    def say(self, text: str) -> None:
        """Something that the user should know."""
        if text not in self.messages:
            self.messages.append(text)
            self.on_message(text)

    def entered(self, slot: Slot) -> None:
        """Rows read from a source."""
        self.stages[0].came += len(slot.rows)
        self._settle(0, len(slot.rows), slot)

    def born(self, index: int, slot: Slot) -> None:
        """What one request of a maker gave."""
        stage = self.stages[index]
        stage.came += len(slot.rows) + len(slot.settled)
        stage.made += len(slot.rows)
        self._settle(index, len(slot.rows) + len(slot.settled), slot)

    def left(self, index: int, before: int, slot: Slot) -> None:
        """A slot that went through a stage with `before` rows."""
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
    """A slot holds one row that was given, or drafts alone."""
    return any(row.draft for row in slot.rows) or any(row.draft for row, _ in slot.settled)
