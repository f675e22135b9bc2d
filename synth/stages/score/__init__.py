"""A judge's score on a rubric."""

from synth.stages.registry import StagePlugin
from synth.stages.score.options import ScoreOptions

STAGE = StagePlugin(ScoreOptions, "synth.stages.score.stage:Score")
