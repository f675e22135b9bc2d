"""Stands first, and is done before it is reached: sources are redacted as they are read (`synth.redaction`).

By then no id, no prompt and no file of the run has held what is replaced.
"""

from __future__ import annotations

from pathlib import Path

from synth.row import Row
from synth.stages.base import Context
from synth.stages.options import RedactOptions


class Redact:
    """An `Asks` that lets all rows pass. A row's history says what was redacted in it."""

    def __init__(self, name: str, options: RedactOptions, context: Context) -> None:
        self.name = name
        self.files: tuple[Path, ...] = (context.recipe.folder / options.names,) if options.names else ()

    async def ask(self, row: Row) -> Row:
        """Nothing is left to do."""
        return row
