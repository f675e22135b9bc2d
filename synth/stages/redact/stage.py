"""Stands first, and is done before it is reached: sources are redacted as they are read (`synth.redaction`).

By then no id, no prompt and no file of the run has held what is replaced.
"""

from __future__ import annotations

from synth.stages.base import Stage
from synth.stages.context import Context
from synth.stages.redact.options import RedactOptions


class Redact(Stage):
    """All rows pass. A row's history says what was redacted in it."""

    def __init__(self, name: str, options: RedactOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self.files = (context.recipe.folder / options.names,) if options.names else ()
