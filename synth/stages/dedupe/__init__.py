"""Drops near-duplicates."""

from synth.stages.dedupe.options import DedupeOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(DedupeOptions, "synth.stages.dedupe.stage:Dedupe")
