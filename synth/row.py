"""The one row type, the slot that carries rows through the stages, and ids that depend on content alone."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from synth.frozen import FrozenDict, FrozenJson, freeze, thaw
from synth.llm.base import Json

Status = Literal["kept", "dropped", "failed", "pending", "superseded"]

# Where a row came from, before any stage: trusted rows are never dropped.
Origin = Literal["seed", "holdout", "prompt", "document", "failure", "mixed"]


def content_id(*parts: Any) -> str:
    """Sixteen hexadecimal digits that depend on `parts` (anything JSON can hold) and on nothing else."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a row was made from.

    `parents` are the rows whose text it was made from and that it must share a split with; `shots` are
    few-shot examples that its prompt showed, which do not bind it. `request` is the identity of the
    request whose reply it is. `source` is the place in a document: `file`, `start`, `end`, `heading`.
    `topic` is the topic that its maker was to fill: what was asked for, not what somebody found it to be.
    """

    origin: Origin
    parents: Sequence[str] = ()
    shots: Sequence[str] = ()
    stage: str | None = None
    prompt: str | None = None
    model: str | None = None
    sampling: FrozenJson = field(default_factory=FrozenDict)
    request: str | None = None
    source: FrozenJson | None = None
    topic: str | None = None

    def __post_init__(self) -> None:
        for name in ("parents", "shots", "sampling", "source"):
            object.__setattr__(self, name, freeze(getattr(self, name)))


# Fields of a row that hold lists or dictionaries.
_FROZEN = frozenset({"messages", "tools", "candidates", "scores", "labels", "history"})


@dataclass(slots=True)
class Row:
    """A conversation on its way to the dataset, with everything that happened to it.

    `messages` are OpenAI-style `{"role", "content"}` objects. `reason` is a short fixed code and
    `detail` the words, both only for rows that did not make it. `weight` says how often a seed is drawn
    as an example; it is of no account later, and no receipt names it.

    Lists and dictionaries are frozen as they are assigned: makers and the writer hold copies of a row that
    share them. A stage that adds to one assigns a new one.
    """

    id: str
    messages: Sequence[FrozenJson]
    lineage: Lineage
    status: Status = "pending"
    stage: str | None = None
    reason: str | None = None
    detail: str | None = None
    tools: Sequence[FrozenJson] | None = None
    candidates: Sequence[FrozenJson] = ()
    scores: Mapping[str, float] = field(default_factory=FrozenDict)
    labels: FrozenJson = field(default_factory=FrozenDict)
    history: Sequence[FrozenJson] = ()
    cluster: str | None = None
    reasoning: str | None = None
    born: int = 0
    ended: int | None = None
    weight: float = 1.0

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, freeze(value) if name in _FROZEN else value)

    @property
    def given(self) -> bool:
        """Whether people gave it whole (a seed, a held-out row): trusted, and never dropped."""
        return self.lineage.origin in ("seed", "holdout") and self.lineage.stage is None

    @property
    def held_out(self) -> bool:
        """Whether no prompt may ever show it."""
        return self.lineage.origin == "holdout"

    @property
    def draft(self) -> bool:
        """Whether a model wrote some of it: what `accepted`, `target` and `count` count."""
        return not self.given

    @property
    def prompt_text(self) -> str:
        """Everything before the last answer, as one text: what near-copies are measured on.

        The system prompt is left out: rows of one dataset share it.
        """
        return "\n".join(content_of(m) for m in self._before_answer() if m["role"] != "system")

    @property
    def answer(self) -> str | None:
        """The last message, if an assistant wrote it."""
        if self.messages and self.messages[-1]["role"] == "assistant":
            return content_of(self.messages[-1])
        return None

    def _before_answer(self) -> Sequence[FrozenJson]:
        return self.messages[:-1] if self.answer is not None else self.messages

    def note(self, stage: str, did: str | Sequence[str], **more: Any) -> None:
        """Adds an event to its history: what `stage` did, in short fixed words."""
        words = [did] if isinstance(did, str) else did
        self.history = (*self.history, {"stage": stage, "did": words, **more})

    def drop(self, stage: str, reason: str, detail: str | None = None) -> None:
        """Marks it dropped by `stage`, once and for all."""
        self.status, self.stage, self.reason, self.detail = "dropped", stage, reason, detail

    def fail(self, stage: str, detail: str) -> None:
        """Marks it failed: its request could not be answered."""
        self.status, self.stage, self.reason, self.detail = "failed", stage, "request_failed", detail

    def receipt(self) -> Json:
        """Everything that is known about it, as `synth show --json` and `receipts.jsonl` give it: plain JSON,
        which is the caller's own."""
        return {
            "id": self.id,
            "status": self.status,
            "stage": self.stage,
            "reason": self.reason,
            "detail": self.detail,
            "messages": thaw(self.messages),
            "tools": thaw(self.tools),
            "candidates": thaw(self.candidates),
            "scores": thaw(self.scores),
            "labels": thaw(self.labels),
            "cluster": self.cluster,
            "reasoning": self.reasoning,
            "review": {"status": "none"},
            "history": thaw(self.history),
            "lineage": {
                "origin": self.lineage.origin,
                "parents": list(self.lineage.parents),
                "shots": list(self.lineage.shots),
                "stage": self.lineage.stage,
                "prompt": self.lineage.prompt,
                "model": self.lineage.model,
                "sampling": thaw(self.lineage.sampling),
                "request": self.lineage.request,
                "source": thaw(self.lineage.source),
                "topic": self.lineage.topic,
            },
        }


def content_of(message: FrozenJson) -> str:
    """The text of a message; empty where it has none (a pure tool call)."""
    content = message.get("content")
    return content if isinstance(content, str) else ""


@dataclass(slots=True)
class Slot:
    """One place in the fixed order of a run, with the rows that live there: the unit of commit.

    A slot is born at a source (one row) or at a maker (what one request gave). Stages change `rows`;
    rows that are dropped or fail move to `settled`. `key` orders slots and, with the position of a row
    in it, everything that is ever listed or exported.
    """

    key: tuple[int, ...]
    rows: list[Row]
    settled: list[Row] = field(default_factory=list)

    def settle(self, stage_index: int) -> None:
        """Moves rows that are dropped or failed out of the stream."""
        gone = [row for row in self.rows if row.status in ("dropped", "failed")]
        if gone:
            for row in gone:
                row.ended = stage_index
            self.settled.extend(gone)
            self.rows = [row for row in self.rows if row.status not in ("dropped", "failed")]


def order_key(key: tuple[int, ...]) -> bytes:
    """A slot's key as bytes that sort the way the numbers do."""
    return struct.pack(f">{len(key)}I", *key)
