"""Drafts from documents: what instruction would a text answer (Humpback), or what questions (RAFT)."""

from synth.stages.backtranslate.options import BacktranslateOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(BacktranslateOptions, "synth.stages.backtranslate.stage:Backtranslate")
