"""What a card says about the run: the recipe's digest and its sources, without paths or hosts."""

from __future__ import annotations

import hashlib
from pathlib import PurePath

import orjson

from synth.store import RunReader

# What of a model decides its replies. Addresses, keys, prices, limits and delays do not.
_MODEL_KEYS = ("model", "sampling", "extra_body")


def recipe_digest(reader: RunReader) -> str:
    """SHA-256 of what decides the rows: the recipe without budget, export, addresses or paths of sources.

    The sources count by their content, as the finished run read it.
    """
    recipe = reader.recipe
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
    """File name and SHA-256 of each source; a source on the hub has no digest."""
    files = sorted((PurePath(name).name, digest) for name, digest in reader.notes.get("sources", {}).items())
    hub = sorted(
        name
        for spec in reader.recipe["sources"].values()
        for name in ([spec] if isinstance(spec, str) else spec or [])
        if isinstance(name, str) and name.startswith("hf:")
    )
    return [*files, *((name, "") for name in hub)]
