"""Checks before the first request for errors that otherwise only a later command would find, because
drafts cost money.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synth.errors import InputError, RecipeError
from synth.recipe.files import RunSource, listed
from synth.recipe.model import Recipe
from synth.sources import files_of


def preflight(recipe: Recipe, out: Path) -> None:
    """Raises `RecipeError`, with the line, for options that `export` or `review` would refuse, and for a
    run that would read its own folder `out` as a source.
    """
    _check_run_sources(recipe, out)
    _check_export(recipe)
    _check_review(recipe)


def _check_run_sources(recipe: Recipe, out: Path) -> None:
    for key, files in recipe.sources:
        for source in listed(files):
            if isinstance(source, RunSource) and (recipe.folder / source.run).resolve() == out.resolve():
                raise RecipeError(
                    f"{source.run} is the folder that this recipe writes its own run to.",
                    where=recipe.where("sources", key),
                    hint="Give this round another `name`, or another folder with --out.",
                )


def _check_export(recipe: Recipe) -> None:
    if "export" not in recipe.model_fields_set:
        return  # The defaults are valid, and loading all formats is slow.
    from synth.exports.formats import find_format
    from synth.exports.options import check_options

    with _in_recipe(recipe, "export"):
        check_options(find_format(recipe.export.format), recipe.export)
    for number, source in enumerate(recipe.export.mix):
        with _in_recipe(recipe, "export", "mix", number, "source"):
            files_of(source.source, recipe.folder)


def _check_review(recipe: Recipe) -> None:
    if "review" not in recipe.model_fields_set:
        return
    from synth.review.tasks import recipe_task

    with _in_recipe(recipe, "review", "task"):
        recipe_task(recipe.review.task, recipe.folder)


@contextmanager
def _in_recipe(recipe: Recipe, *path: str | int) -> Iterator[None]:
    """Adds an error's position in the recipe. An error about another file keeps that file's name."""
    try:
        yield
    except InputError as error:
        key = error.where or ""
        if not key or key.startswith(f"{path[0]}."):
            where = recipe.where(*(key.split(".") if key else path))
        else:
            where = f"{recipe.where(*path)}: {key}"
        raise RecipeError(error.message, where=where, hint=error.hint) from None
