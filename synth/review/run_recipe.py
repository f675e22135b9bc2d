"""Reads the recipe of the last `synth run` from a run folder."""

from __future__ import annotations

from synth.recipe.model import Recipe, StageSpec
from synth.stages.registry import STAGES
from synth.store import RunReader


def run_recipe_of(reader: RunReader) -> Recipe:
    """The validated recipe. Raises pydantic's error for keys that this version no longer knows."""
    content = reader.recipe
    stages = [
        StageSpec(
            kind=stage["kind"],
            name=stage["name"],
            options=STAGES.find(stage["kind"]).options.model_validate(stage["options"]),
        )
        for stage in content["stages"]
    ]
    return Recipe(**{**content, "stages": stages})
