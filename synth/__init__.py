"""Draft with a model, correct with people, export what a trainer accepts.

The same three steps as on the command line: `synth.run(recipe)`, `synth.open(run)` and
`synth.export(run)`. They raise `synth.errors.SynthError` where the command would exit.
"""

from __future__ import annotations

__version__ = "0.1.0"
