"""A function of the user's own, from the file that the recipe names: code, which runs under `run` alone."""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synth.errors import RecipeError


def load_function(file: Path, name: str) -> Callable[..., Any]:
    """The function `name` of the file. Raises `RecipeError` where it cannot be loaded, or has none."""
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
    function = getattr(module, name, None)
    if not callable(function):
        raise RecipeError(f"has no function {name}().", where=str(file))
    return function  # type: ignore[no-any-return]


def place_in(file: Path, error: Exception) -> str:
    """The file, with the line in it that raised."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return f"{file}:{error.lineno}"
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)
    ]
    return f"{file}:{lines[-1]}" if lines else str(file)
