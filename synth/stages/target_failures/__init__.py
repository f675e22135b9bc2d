"""The stage `target_failures`: drafts rows against a model's failures (LLM2LLM)."""

from synth.stages.registry import StagePlugin
from synth.stages.target_failures.options import TargetFailuresOptions

STAGE = StagePlugin(TargetFailuresOptions, "synth.stages.target_failures.stage:TargetFailures")
