"""The stages, one module each, named as the recipe names them."""

from __future__ import annotations

from collections.abc import Mapping

from synth.recipe.base import StageOptions
from synth.stages.options import (
    ApplyOptions,
    BacktranslateOptions,
    CheckOptions,
    DedupeOptions,
    EvolveOptions,
    GenerateOptions,
    ParaphraseOptions,
    RedactOptions,
    RespondOptions,
    StandardiseOptions,
    TargetFailuresOptions,
    TopicsOptions,
)
from synth.stages.score_options import ScoreOptions

# What a recipe may write below `stages`, and what it may say there.
OPTIONS: Mapping[str, type[StageOptions]] = {
    "redact": RedactOptions,
    "topics": TopicsOptions,
    "generate": GenerateOptions,
    "apply": ApplyOptions,
    "backtranslate": BacktranslateOptions,
    "paraphrase": ParaphraseOptions,
    "evolve": EvolveOptions,
    "target_failures": TargetFailuresOptions,
    "respond": RespondOptions,
    "standardise": StandardiseOptions,
    "dedupe": DedupeOptions,
    "check": CheckOptions,
    "score": ScoreOptions,
}
