"""Applies a user's function from a Python file in the recipe's folder.

The function gets a copy of a row as a dictionary (`id`, `messages`, `tools`, `scores`, `labels`, `origin`),
may change it, and returns

- the dictionary: its `messages`, `tools`, `scores` and `labels` replace the row's;
- None or True: the row stays as it is;
- False or a text: the row is dropped, and the text is the reason.
"""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import Any

import orjson

from synth.conversation import Conversation
from synth.errors import RecipeError
from synth.llm.base import Json
from synth.row import Row
from synth.stages.apply.options import ApplyOptions
from synth.stages.apply.reasons import ApplyAction, ApplyReason
from synth.stages.base import OrderedStage
from synth.stages.context import Context
from synth.user_code import load_function

_KEYS = ("messages", "tools", "scores", "labels")


class Apply(OrderedStage):
    """Calls the function for one row after another, in the run's order."""

    def __init__(self, name: str, options: ApplyOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        self._where = options.function
        folder = context.recipe.folder
        self._function, self._file = load_function(options.function, folder, context.where(name, "function"))
        self.files = (self._file,)

    def admit(self, row: Row) -> Row:
        """Calls the function, and applies its result. Given rows are never dropped.

        Raises `RecipeError` if the function fails or returns an invalid value.
        """
        if row.held_out:
            return row
        said = self._call(_as_document(row))
        if said is None or said is True:
            return row
        if isinstance(said, dict):
            return self._taken_over(row, said)
        if said is False or isinstance(said, str):
            detail = said if isinstance(said, str) else f"{self._where} says no"
            if row.given:
                return row.with_event(self.name, ApplyAction.NOT_DROPPED, detail=detail)
            return row.dropped(self.name, ApplyReason.REJECTED, detail)
        raise self._mistake(f"answered {type(said).__name__}, not a row, None, True, False or a text")

    def _call(self, document: Json) -> Any:
        try:
            return self._function(document, **self._options.options)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            line = next((f.lineno for f in reversed(frames) if f.filename == str(self._file)), None)
            place = f" in line {line}" if line else ""
            raise self._mistake(f"failed{place} with {type(error).__name__}: {error}") from error

    def _taken_over(self, row: Row, said: Json) -> Row:
        was = _as_document(row)
        if unknown := said.keys() - {*_KEYS, "id", "origin"}:
            raise self._mistake(f"answered a row with {sorted(unknown)[0]!r}, which rows do not have")
        messages = said.get("messages", was["messages"])
        if not isinstance(messages, list) or not all(map(_is_message, messages)):
            raise self._mistake("answered a row whose `messages` are no list of messages")
        if not any(message["role"] == "user" for message in messages):
            raise self._mistake("answered a row whose `messages` hold no user's message")
        for key in ("scores", "labels"):
            if not isinstance(said.get(key, {}), dict):
                raise self._mistake(f"answered a row whose `{key}` are no dictionary")
        try:
            orjson.dumps([said.get(key) for key in _KEYS])
        except TypeError as error:
            raise self._mistake(f"answered a row that cannot be written down as JSON: {error}") from None
        if messages != was["messages"]:
            row = row.with_event(self.name, ApplyAction.APPLIED, before=row.conversation.messages)
        new = {**was, **said}
        conversation = Conversation(messages, new["tools"])
        return replace(row, conversation=conversation, scores=new["scores"], labels=new["labels"])

    def _mistake(self, words: str) -> RecipeError:
        return RecipeError(
            f"{self._where} {words}.",
            where=f"stage {self.name!r}",
            hint="Fix it and run the same command again: nothing is lost.",
        )


def _is_message(message: object) -> bool:
    """Whether it has a role, and its content, if any, is text."""
    return isinstance(message, dict) and "role" in message and isinstance(message.get("content"), str | None)


def _as_document(row: Row) -> Json:
    known = row.to_json()
    return {"id": row.id, "origin": row.lineage.origin, **{key: known[key] for key in _KEYS}}
