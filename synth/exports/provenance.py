"""The provenance on a card: the recipe's digest and its sources, without paths or hosts."""

from __future__ import annotations

import hashlib
from pathlib import PurePath

import orjson

from synth.recipe.renamed_keys import with_old_keys
from synth.store import RunReader

# The settings of a model that change its replies. Addresses, keys, prices, limits and delays do not.
_MODEL_KEYS = ("model", "sampling", "extra_body")


def recipe_digest(reader: RunReader) -> str:
    """SHA-256 of everything that determines the rows: the recipe without budget, export, addresses and paths
    of sources.

    Sources enter by their content, as the finished run read it.
    """
    recipe = with_old_keys(reader.recipe)
    parts = {
        key: recipe.get(key) for key in ("version", "name", "seed", "stages", "target", "window", "limit")
    }
    parts["models"] = {
        name: {key: model.get(key) for key in _MODEL_KEYS} for name, model in recipe["models"].items()
    }
    parts["holdout"] = (recipe.get("holdout") or {}).get("rows")
    parts["sources"] = sorted(reader.notes.get("sources", {}).values())
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def sources(reader: RunReader) -> list[tuple[str, str]]:
    """The name (without its folder) and SHA-256 of each source. A dataset on the hub has no SHA-256."""
    digests = reader.notes.get("sources", {})
    read = sorted((name if _on_hub(name) else PurePath(name).name, digests[name]) for name in digests)
    named = (
        item if isinstance(item, str) else item.get("path", "")
        for spec in reader.recipe["sources"].values()
        for item in (spec if isinstance(spec, list) else [spec] if spec else [])
    )
    return [*read, *((name, "") for name in sorted(named) if _on_hub(name) and name not in digests)]


def _on_hub(name: str) -> bool:
    return name.startswith("hf:")
