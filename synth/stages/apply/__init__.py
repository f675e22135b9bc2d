"""A function of the user's own, as a stage."""

from synth.stages.apply.options import ApplyOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(ApplyOptions, "synth.stages.apply.stage:Apply")
