"""Answers rows that have none: the conversation goes to the writer as it stands."""

from __future__ import annotations

from synth.row import Row
from synth.stages.answers import read_text
from synth.stages.base import Context, Unusable, ask_until_served, lineage_of
from synth.stages.options import RespondOptions


class Respond:
    """An `Asks`: rows that end with an answer pass untouched."""

    def __init__(self, name: str, options: RespondOptions, context: Context) -> None:
        self.name = name
        self._options = options
        self._model = context.model("writer", options)

    async def prepare(self) -> None:
        """Nothing to know before."""

    async def ask(self, row: Row) -> None:
        """Adds the answer, or drops the row where none serves."""
        if row.answer is not None:
            return
        if self._options.system and row.messages[0]["role"] != "system":
            row.messages = [{"role": "system", "content": self._options.system}, *row.messages]
        try:
            text, answer = await ask_until_served(
                self._model, row.messages, self._options.sampling, read_text, self._options.attempts
            )
        except Unusable as unusable:
            row.drop(self.name, unusable.reason, unusable.detail)
            return
        lineage_of(row, stage=self.name, prompt=None, answer=answer)
        row.messages = [*row.messages, {"role": "assistant", "content": text}]
