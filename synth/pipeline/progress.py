"""What a run has done so far, for whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from synth.llm.base import Client, PrefixCounts
from synth.llm.model import Ledger, Model
from synth.row import Slot


@dataclass
class StageCount:
    """Rows at one stage. `came` counts what reached it or was born there."""

    name: str
    came: int = 0
    passed: int = 0
    dropped: int = 0
    failed: int = 0

    @property
    def waiting(self) -> int:
        """Rows that have come and not left."""
        return self.came - self.passed - self.dropped - self.failed


@dataclass
class Progress:
    """Counters by stage, with the sources as stage 0; changed by the pipeline, read by a display.

    `arrived` of the `expected` drafts have come to the end, whatever became of them; with a target, those
    that were accepted.
    """

    stages: list[StageCount] = field(default_factory=list)
    expected: int | None = None
    accepted: int = 0
    arrived: int = 0
    ledger: Ledger | None = None
    models: Sequence[Model] = ()
    started: float = field(default_factory=time.monotonic)
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

    def entered(self, index: int, rows: int) -> None:
        """Rows read from a source."""
        self.stages[index].came += rows
        self.stages[index].passed += rows
        if index + 1 < len(self.stages):
            self.stages[index + 1].came += rows

    def born(self, index: int, slot: Slot) -> None:
        """What one request of a maker gave."""
        stage = self.stages[index]
        stage.came += len(slot.rows) + len(slot.settled)
        self._settle(index, len(slot.rows) + len(slot.settled), slot)

    def left(self, index: int, before: int, slot: Slot) -> None:
        """A slot that went through a stage with `before` rows."""
        self._settle(index, before, slot)

    def _settle(self, index: int, before: int, slot: Slot) -> None:
        gone = before - len(slot.rows)
        stage = self.stages[index]
        if gone:
            failed = sum(row.status == "failed" and row.ended == index for row in slot.settled)
            stage.failed += failed
            stage.dropped += gone - failed
        stage.passed += len(slot.rows)
        if index + 1 < len(self.stages):
            self.stages[index + 1].came += len(slot.rows)
