"""The stage `backtranslate`: drafts instructions (Humpback) or questions (RAFT) from documents."""

from synth.stages.backtranslate.options import BacktranslateOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(BacktranslateOptions, "synth.stages.backtranslate.stage:Backtranslate")
