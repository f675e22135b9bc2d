"""The stage `check`: checks answers by execution (JSON schemas, queries, users' functions)."""

from synth.stages.check.options import CheckOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(CheckOptions, "synth.stages.check.stage:Check")
