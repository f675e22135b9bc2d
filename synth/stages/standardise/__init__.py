"""The stage `standardise`: gives all texts one form."""

from synth.stages.registry import StagePlugin
from synth.stages.standardise.options import StandardiseOptions

STAGE = StagePlugin(StandardiseOptions, "synth.stages.standardise.stage:Standardise")
