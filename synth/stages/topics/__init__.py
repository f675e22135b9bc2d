"""A taxonomy of what rows are to be about."""

from synth.stages.registry import StagePlugin
from synth.stages.topics.options import TopicsOptions

STAGE = StagePlugin(TopicsOptions, "synth.stages.topics.stage:Topics")
