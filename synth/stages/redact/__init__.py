"""Stand-ins for people's data in all sources, as they are read."""

from synth.stages.redact.options import RedactOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(RedactOptions, "synth.stages.redact.stage:Redact")
