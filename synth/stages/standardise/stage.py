"""Standardises all texts, including their white space, and records the changes of each row."""

from __future__ import annotations

from synth.conversation import content_of
from synth.frozen import FrozenJson
from synth.row import Row
from synth.stages.base import RowStage
from synth.stages.context import Context
from synth.stages.standardise.options import StandardiseOptions
from synth.stages.standardise.reasons import StandardiseReason
from synth.text.standardise.standard_form import Role, standardise


class Standardise(RowStage):
    """Sends no requests. Its result does not depend on the order of rows, so no row waits."""

    version = 2

    def __init__(self, name: str, options: StandardiseOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options

    async def apply(self, row: Row) -> Row:
        """Rewrites messages, and keeps the old texts in the row's history."""
        messages: list[FrozenJson] = []
        for number, message in enumerate(row.conversation.messages):
            before = content_of(message)
            role: Role = "answer" if message["role"] == "assistant" else "prompt"
            after = standardise(before, self._options, role=role)
            if after.text == before:
                messages.append(message)
                continue
            messages.append({**message, "content": after.text})
            row = row.with_event(self.name, after.did, message=number, before=before)
        row = row.with_messages(messages)
        if row.draft and row.conversation.answer == "":
            return row.dropped(self.name, StandardiseReason.EMPTY, "nothing is left of the answer")
        return row
