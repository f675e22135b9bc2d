"""The stage `topics`: a taxonomy of topics for new rows."""

from synth.stages.registry import StagePlugin
from synth.stages.topics.options import TopicsOptions

STAGE = StagePlugin(TopicsOptions, "synth.stages.topics.stage:Topics")
