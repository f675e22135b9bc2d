"""The stage `respond`: writes answers, candidates, longer conversations and replacements of old answers."""

from synth.stages.registry import StagePlugin
from synth.stages.respond.options import RespondOptions

STAGE = StagePlugin(RespondOptions, "synth.stages.respond.stage:Respond")
