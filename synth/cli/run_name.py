"""The arguments RECIPE and RUN, and what their paths can be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from synth.recipe.find import find_recipe, find_run_or_recipe


@dataclass
class Named:
    """The RUN or RECIPE of the command line, for the hints of errors."""

    run: Path | None = None


def _recipe(context: typer.Context, value: Path | None) -> Path | None:
    if value is None:
        return None
    context.ensure_object(Named).run = value
    return find_recipe(value)


def _run(context: typer.Context, value: Path) -> Path:
    context.ensure_object(Named).run = value
    return find_run_or_recipe(value)


RecipeFile = Annotated[
    Path,
    typer.Argument(metavar="RECIPE", callback=_recipe, help="The recipe, or a folder that contains one."),
]
RecipeIfNamed = Annotated[
    Path | None,
    typer.Argument(metavar="RECIPE", callback=_recipe, help="Also check what this recipe needs."),
]
RunName = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", callback=_run, help="A run folder, a recipe, or a folder that contains one recipe."
    ),
]
