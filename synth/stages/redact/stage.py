"""The first stage, whose work is done before any row reaches it: `synth.redaction` redacts sources while they
are read.

So no id, prompt or file of the run ever contains the replaced data.
"""

from __future__ import annotations

from synth.stages.base import Stage
from synth.stages.context import Context
from synth.stages.redact.options import RedactOptions


class Redact(Stage):
    """Passes all rows. The history of a row lists what was redacted in it."""

    def __init__(self, name: str, options: RedactOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self.files = (context.recipe.folder / options.names,) if options.names else ()
