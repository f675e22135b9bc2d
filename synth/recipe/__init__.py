"""The recipe: YAML in, frozen models out. Inert: reading one runs no code and calls nobody.

`synth.recipe.load` reads one. It knows the stages' options, which are built on what stands here.
"""

from synth.recipe.base import Sampling, StageOptions, Strict
from synth.recipe.model import (
    EmbeddedModel,
    EndpointModel,
    ExportOptions,
    FakeModel,
    ModelConfig,
    Recipe,
    StageSpec,
)

__all__ = [
    "EmbeddedModel",
    "EndpointModel",
    "ExportOptions",
    "FakeModel",
    "ModelConfig",
    "Recipe",
    "Sampling",
    "StageOptions",
    "StageSpec",
    "Strict",
]
