"""The stage `apply`: a user's function."""

from synth.stages.apply.options import ApplyOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(ApplyOptions, "synth.stages.apply.stage:Apply")
