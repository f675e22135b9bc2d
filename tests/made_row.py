"""Rows for tests, from parts as JSON has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from synth.conversation import Conversation
from synth.row import Candidate, Dropped, Event, Failed, Kept, Lineage, Outcome, Pending, Row


def made_row(
    key: str,
    messages: Iterable[dict[str, Any]],
    lineage: Lineage,
    *,
    tools: Iterable[dict[str, Any]] | None = None,
    candidates: Iterable[dict[str, Any] | Candidate] = (),
    history: Iterable[dict[str, Any]] = (),
    status: str = "pending",
    stage: str = "generate",
    reason: str = "near_copy",
    detail: str | None = None,
    **more: Any,
) -> Row:
    """A row whose messages, tools, candidates and events are dictionaries. `reason` goes with `dropped`."""
    outcomes: dict[str, Outcome] = {
        "kept": Kept(),
        "pending": Pending(),
        "failed": Failed(stage, detail),
        "dropped": Dropped(stage, reason, detail),
    }
    return Row(
        key,
        Conversation(list(messages), None if tools is None else list(tools)),
        lineage,
        outcome=outcomes[status],
        candidates=[c if isinstance(c, Candidate) else Candidate.from_json(c) for c in candidates],
        history=[Event.from_json(event) for event in history],
        **more,
    )
