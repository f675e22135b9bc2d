"""The JSON schema of a recipe, with the options of every stage and provider."""

from __future__ import annotations

from typing import Any

from synth.llm.providers import PROVIDERS
from synth.recipe.load import SET_BY_COMMAND
from synth.recipe.model import Recipe
from synth.stages.registry import STAGES


def recipe_schema() -> dict[str, Any]:
    """The JSON schema of a recipe with its stages, for completion in editors."""
    schema = Recipe.model_json_schema()
    definitions = schema["$defs"]
    items: list[dict[str, Any]] = [{"enum": STAGES.names}]
    for kind in STAGES.names:
        block = STAGES.find(kind).options.model_json_schema()
        definitions.update(block.pop("$defs", {}))
        items.append(
            {"type": "object", "properties": {kind: block}, "required": [kind], "additionalProperties": False}
        )
    configs = [PROVIDERS.find(name).config for name in PROVIDERS.names]
    for config in configs:
        block = config.model_json_schema()
        definitions.update(block.pop("$defs", {}))
        definitions[config.__name__] = block
    schema["properties"]["models"]["additionalProperties"] = {
        "oneOf": [{"$ref": f"#/$defs/{config.__name__}"} for config in configs]
    }
    schema["properties"]["stages"] = {"type": "array", "minItems": 1, "items": {"anyOf": items}}
    for not_a_key in SET_BY_COMMAND:
        schema["properties"].pop(not_a_key, None)
    for not_in_a_file in ("StageSpec", "ModelConfig"):
        definitions.pop(not_in_a_file, None)
    return schema
