"""The fingerprint of a run: a finished run with the same fingerprint is still finished."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import orjson

from synth.llm.base import Json
from synth.pipeline.digest import file_digest
from synth.recipe.model import Recipe
from synth.recipe.renamed_keys import with_old_keys
from synth.stages.base import Stage
from synth.stages.registry import STAGES

# Increase it when the pipeline makes different rows from the same replies: finished runs are then replayed
# once. Each stage also has a version.
PIPELINE_VERSION = 4


def fingerprint_of(
    recipe: Recipe, stages: Sequence[Stage], sources: Json, redactor_key: str | None, decisions: str
) -> str:
    """A digest of the recipe, of the content of all its files, and of the code's versions.

    `decisions` is a digest of people's decisions.
    """
    files = [file_digest(file) for stage in stages for file in stage.files]
    prompts = [text for stage in stages for text in stage.texts]
    parts: list[object] = [PIPELINE_VERSION, recipe.limit, sources, prompts, files, redactor_key]
    if recipe.target is not None:
        # With a target, rejected rows are replaced, so decisions affect the length of the run.
        parts.append(decisions)
    versions = {spec.name: STAGES.find(spec.kind).load().version for spec in recipe.stages}
    # Stages of version 1 are left out, so that older runs, which have no stage versions, stay finished.
    if later := {name: version for name, version in versions.items() if version > 1}:
        parts.append(later)
    # The options of a review do not change rows.
    content = orjson.loads(recipe.model_dump_json(by_alias=True, exclude={"review"}))
    text = orjson.dumps(with_old_keys(content))
    return hashlib.sha256(text + orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()
