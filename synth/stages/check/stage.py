"""Drops rows whose answers fail when they are executed, which is stronger evidence than a judge's score."""

from __future__ import annotations

import asyncio
from pathlib import Path

from synth.checks.queries import sql_check
from synth.checks.user_function import own_check
from synth.checks.verdict import AnswerCheck, existing_file
from synth.row import Row
from synth.stages.base import RowStage
from synth.stages.check.options import CheckOptions
from synth.stages.context import Context


class Check(RowStage):
    """Runs queries in threads, outside the event loop. Rows without an answer pass."""

    def __init__(self, name: str, options: CheckOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._one_at_a_time = asyncio.Lock()
        self._check, file = _built(name, options, context)
        self.files = (file,)

    async def apply(self, row: Row) -> Row:
        """Drops a draft whose answer fails. A given row is only marked."""
        if not row.conversation.has_answer:
            return row
        async with self._one_at_a_time:  # a database or a user's function may not be thread-safe
            try:
                objection = await asyncio.to_thread(self._check, row)
            except asyncio.CancelledError:
                self._check.stop()  # Ctrl-C must not wait for a query
                raise
        if objection is None:
            return row
        if row.given:
            return row.with_event(self.name, objection.reason, detail=objection.detail)
        return row.dropped(self.name, objection.reason, objection.detail)


def _built(name: str, options: CheckOptions, context: Context) -> tuple[AnswerCheck, Path]:
    folder = context.recipe.folder
    if options.schema_ is not None:
        from synth.checks.schema import json_check  # jsonschema is slow to import

        file = existing_file(folder, options.schema_, context.where(name, "json"))
        return json_check(file), file
    if options.sql is not None:
        file = existing_file(folder, options.sql, context.where(name, "sql"))
        return sql_check(file, options.seconds, empty=options.empty), file
    assert options.function is not None, "checked when the recipe was read"
    return own_check(options.function, folder, context.where(name, "function"))
