"""Where a row came from, and ids that depend on content alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from synth.conversation import content_of as content_of
from synth.frozen import FrozenDict, FrozenJson, freeze

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
