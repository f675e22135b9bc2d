"""Answers: for rows without one, several for each row, in longer conversations, in place of old ones."""

from synth.stages.registry import StagePlugin
from synth.stages.respond.options import RespondOptions

STAGE = StagePlugin(RespondOptions, "synth.stages.respond.stage:Respond")
