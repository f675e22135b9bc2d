"""Loads the user's own function from the file that the recipe names. This is code; only `run` executes it."""

from __future__ import annotations

import importlib.util
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from synth.errors import RecipeError
from synth.suggestions import did_you_mean

# FILE.py:FUNCTION
FUNCTION_PATTERN = r"^[^:]+\.py:[A-Za-z_]\w*$"


def split_name(named: str) -> tuple[str, str]:
    """The file and the function of `FILE.py:FUNCTION`. Raises `ValueError` for any other form."""
    if not re.fullmatch(FUNCTION_PATTERN, named):
        raise ValueError(
            f"{named!r} names no function: write FILE.py:FUNCTION, for example checks.py:is_short"
        )
    file, _, function = named.rpartition(":")
    return file, function


def load_function(named: str, folder: Path, key: str) -> tuple[Callable[..., Any], Path]:
    """The function that a recipe in `folder` names under `key`, and its file.

    The recipe names the file by its relative path, and the file must be in the recipe's folder. So anybody
    who copies or reads that folder has all the code. Raises `RecipeError` if the function is missing or
    cannot be loaded.
    """
    try:
        name, function_name = split_name(named)
    except ValueError as error:
        raise RecipeError(f"{error}.", where=key) from None
    file = _inside(folder, name, key)
    module = _module(file)
    function = getattr(module, function_name, None)
    if not callable(function):
        known = [name for name, value in vars(module).items() if callable(value)]
        raise RecipeError(
            f"has no function {function_name}().{did_you_mean(function_name, known)}",
            where=f"{key}: {file}",
        )
    return function, file


def _inside(folder: Path, name: str, key: str) -> Path:
    file = folder / name
    # Resolved, so that a link cannot lead out of the folder.
    if Path(name).is_absolute() or not file.resolve().is_relative_to(folder.resolve()):
        raise RecipeError(
            f"{name!r} is outside the recipe's folder, and a recipe runs only code from its own folder.",
            where=key,
            hint="Put the file next to the recipe and name its relative path, such as my_stages.py:shorten.",
        )
    if not file.is_file():
        raise RecipeError(
            "there is no such file.", where=f"{key}: {file}", hint="Name a .py file next to the recipe."
        )
    return file


def _module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"synth_user_{file.stem}", file)
    assert spec is not None, "the name ends in .py"
    assert spec.loader is not None, "so it has a loader"
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RecipeError(
            f"could not be loaded: {type(error).__name__}: {error}.", where=place_in(file, error)
        ) from error
    return module


def place_in(file: Path, error: Exception) -> str:
    """The file, with the line that raised."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return f"{file}:{error.lineno}"
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)
    ]
    return f"{file}:{lines[-1]}" if lines else str(file)
