"""The recipe: YAML in, frozen models out. Inert: reading one runs no code and calls nobody."""

from synth.recipe.base import Sampling, StageOptions, Strict
from synth.recipe.load import load_recipe, recipe_schema
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
    "load_recipe",
    "recipe_schema",
]
