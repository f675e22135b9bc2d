"""The stage `generate`: drafts rows in the style of the seeds (Self-Instruct)."""

from synth.stages.generate.options import GenerateOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(GenerateOptions, "synth.stages.generate.stage:Generate")
