"""A check by a user's function, from the Python file in the recipe. Its code is executed.

    def has_reference(row):
        return "booking reference" in row["answer"] or "names no booking reference"

Its argument is `{"messages", "prompt", "answer", "tools"}`. It returns True or None to keep the row, False to
drop it, or a text that says why it is dropped.
"""

from __future__ import annotations

from pathlib import Path

from synth.checks.reasons import CheckReason
from synth.checks.verdict import AnswerCheck, Objection
from synth.errors import RecipeError
from synth.frozen import thaw
from synth.row import Row
from synth.user_code import load_function, place_in


def own_check(named: str, folder: Path, key: str) -> tuple[AnswerCheck, Path]:
    """The check `FILE.py:FUNCTION`, and the file. Raises `RecipeError` if it cannot be loaded."""
    function, file = load_function(named, folder, key)
    name = named.rpartition(":")[2]

    def check(row: Row) -> Objection | None:
        given = {
            "messages": thaw(row.conversation.messages),
            "prompt": row.conversation.prompt_text,
            "answer": row.conversation.answer or "",
            "tools": thaw(row.conversation.tools),
        }
        try:
            said = function(given)
        except Exception as error:
            raise RecipeError(
                f"{name}() failed on row {row.id}: {type(error).__name__}: {error}.",
                where=place_in(file, error),
                hint="Fix it and run the same command again: no request is sent twice.",
            ) from error
        if said is None or said is True:
            return None
        if said is False or isinstance(said, str):
            return Objection(CheckReason.CHECK_FAILED, said or f"{name}() says no")
        raise RecipeError(
            f"{name}() answered {type(said).__name__}, not True, False, None or the words.",
            where=str(file),
        )

    return AnswerCheck(check), file
