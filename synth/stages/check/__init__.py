"""Checks of answers by executing them: JSON schemas, queries, functions of the user's own."""

from synth.stages.check.options import CheckOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(CheckOptions, "synth.stages.check.stage:Check")
