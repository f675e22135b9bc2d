"""The stage `redact`: replaces personal data in all sources while they are read."""

from synth.stages.redact.options import RedactOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(RedactOptions, "synth.stages.redact.stage:Redact")
