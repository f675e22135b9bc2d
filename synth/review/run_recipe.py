"""The recipe of a run folder, as the last call of `synth run` left it."""

from __future__ import annotations

from synth.recipe.model import Recipe, StageSpec
from synth.stages.registry import STAGES
from synth.store import RunReader


def run_recipe_of(reader: RunReader) -> Recipe:
    """The recipe, checked. Keys that this version does not know any more are an error of pydantic's."""
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
