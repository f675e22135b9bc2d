"""The recipe's options of `standardise`."""

from __future__ import annotations

from synth.recipe.base import StageOptions
from synth.stages.standardise.reasons import StandardiseReason
from synth.text.standardise.options import Options as StandardiseRules


class StandardiseOptions(StandardiseRules, StageOptions):
    """Gives all texts one form and never changes code."""

    reasons = tuple(StandardiseReason)
