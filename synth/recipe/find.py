"""Finds the recipe for a path: the file itself, or the only recipe in a folder."""

from __future__ import annotations

import re
from pathlib import Path

from synth.errors import RecipeError

_USUAL = "recipe.yaml"
_STAGES = re.compile(r"^stages\s*:", re.MULTILINE)
# The file that marks a run folder; `synth.store` writes it.
_RUN = "run.json"


def is_recipe(path: Path) -> bool:
    """Whether `path` is a YAML file."""
    return path.suffix in (".yaml", ".yml") and path.is_file()


def find_recipe(path: Path) -> Path:
    """`path`, or the recipe in that folder. Raises `RecipeError` if the folder has none or several."""
    if not path.is_dir():
        return path
    if (path / _RUN).exists():
        raise RecipeError(
            "is a run folder, not a recipe.", where=str(path), hint="Name the recipe of that run."
        )
    if is_recipe(path / _USUAL):
        return path / _USUAL
    recipes = sorted(file for file in path.iterdir() if is_recipe(file) and _has_stages(file))
    if not recipes:
        raise RecipeError(
            "contains no recipe.", where=str(path), hint="Name a recipe, or create one with `synth init DIR`."
        )
    if len(recipes) > 1:
        names = ", ".join(file.name for file in recipes)
        raise RecipeError("contains several recipes.", where=str(path), hint=f"Name one of them: {names}.")
    return recipes[0]


def find_run_or_recipe(path: Path) -> Path:
    """`path` if it is a run folder, else the recipe that it names or contains."""
    return path if (path / _RUN).exists() else find_recipe(path)


def _has_stages(file: Path) -> bool:
    return bool(_STAGES.search(file.read_text(encoding="utf-8", errors="replace")))
