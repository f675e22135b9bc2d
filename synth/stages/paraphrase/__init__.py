"""The stage `paraphrase`: rewords requests that share one answer."""

from synth.stages.paraphrase.options import ParaphraseOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(ParaphraseOptions, "synth.stages.paraphrase.stage:Paraphrase")
