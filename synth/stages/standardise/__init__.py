"""One form for all texts."""

from synth.stages.registry import StagePlugin
from synth.stages.standardise.options import StandardiseOptions

STAGE = StagePlugin(StandardiseOptions, "synth.stages.standardise.stage:Standardise")
