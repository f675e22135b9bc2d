"""The stage `score`: scores rows with a judge on a rubric."""

from synth.stages.registry import StagePlugin
from synth.stages.score.options import ScoreOptions

STAGE = StagePlugin(ScoreOptions, "synth.stages.score.stage:Score")
