"""A function of the user's own, from the Python file that the recipe names. This is code, and it runs.

    def has_reference(row):
        return "booking reference" in row["answer"] or "names no booking reference"

It is given `{"messages", "prompt", "answer", "tools"}`, and answers True or None (keep the row), False (drop
it), or the words for dropping it.
"""

from __future__ import annotations

import copy
import importlib.util
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synth.checks.verdict import Check, Objection, beside
from synth.errors import RecipeError
from synth.row import Row


def own_check(named: str, folder: Path, key: str) -> tuple[Check, Path]:
    """The check `FILE.py:FUNCTION`, and the file. Raises `RecipeError` where it cannot be loaded."""
    name, found, function_name = named.rpartition(":")
    if not found or not name.endswith(".py") or not function_name.isidentifier():
        raise RecipeError(
            f"{named!r} names no function.",
            where=key,
            hint="Write FILE.py:FUNCTION, such as checks.py:is_short.",
        )
    file = beside(folder, name, key)
    function = _load(file, function_name)

    def check(row: Row) -> Objection | None:
        given = {
            "messages": copy.deepcopy(row.messages),
            "prompt": row.prompt_text,
            "answer": row.answer or "",
            "tools": copy.deepcopy(row.tools),
        }
        try:
            said = function(given)
        except Exception as error:
            raise RecipeError(
                f"{function_name}() failed on row {row.id}: {type(error).__name__}: {error}.",
                where=_place(error, file),
                hint="Mend it and run the same command again: no reply is asked for twice.",
            ) from error
        if said is None or said is True:
            return None
        if said is False or isinstance(said, str):
            return Objection("check_failed", said or f"{function_name}() says no")
        raise RecipeError(
            f"{function_name}() answered {type(said).__name__}, not True, False, None or the words.",
            where=str(file),
        )

    return check, file


def _load(file: Path, function_name: str) -> Callable[[dict[str, Any]], Any]:
    spec = importlib.util.spec_from_file_location(f"synth_user_{file.stem}", file)
    assert spec is not None, "the name ends in .py"
    assert spec.loader is not None, "so it has a loader"
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RecipeError(
            f"could not be loaded: {type(error).__name__}: {error}.", where=_place(error, file)
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise RecipeError(f"has no function {function_name}().", where=str(file))
    return function  # type: ignore[no-any-return]


def _place(error: Exception, file: Path) -> str:
    """The file, with the line in it that raised."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return f"{file}:{error.lineno}"
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)
    ]
    return f"{file}:{lines[-1]}" if lines else str(file)
