"""Rows that should not be exported, and the expected error of each format.

`written` means that the format can express the row and no harm is known. Every other value is a part of the
error message.
"""

from __future__ import annotations

from typing import Any

from export_runs import chat

from synth.row import Lineage, Row, content_id
from tests.made_row import made_row

Messages = list[dict[str, Any]]
FORMATS = ("trl-sft", "mistral", "together", "llama-factory")


def call(name: Any = "find", arguments: Any = '{"a": 1}') -> dict[str, Any]:
    return {"id": "abcdefghi", "type": "function", "function": {"name": name, "arguments": arguments}}


def used(calls: Any, results: int = 1, text: str | None = None) -> Messages:
    """A conversation with a call and `results` results."""
    asked, answered = chat("Find it.", "There it is.")
    result = {"role": "tool", "tool_call_id": "abcdefghi", "name": "find", "content": "1"}
    return [asked, {"role": "assistant", "content": text, "tool_calls": calls}, *[result] * results, answered]


def tool(name: Any = "find", parameters: Any = None) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters or {"type": "object"}}}


USER, ASSISTANT = chat("A?", "B.")
SYSTEM = {"role": "system", "content": "S."}
NO_TOOLS = {"together": "uses tools"}

# name: messages, tools, what is said in every format, what is said in some
BAD_ROWS: dict[str, tuple[Messages, list[Any], str, dict[str, str]]] = {
    "no answer": ([USER], [], "does not end with the assistant's answer", {}),
    "no user message": ([ASSISTANT], [], "no message of the user", {}),
    "system prompt and answer alone": ([SYSTEM, ASSISTANT], [], "answer follows a message of the system", {}),
    "no messages": ([], [], "does not end with the assistant's answer", {}),
    "empty answer": (chat("A?", ""), [], "message 1 (assistant) is empty", {}),
    "answer of only white space": (chat("A?", " \n\t"), [], "message 1 (assistant) is empty", {}),
    "empty question": (chat("", "B."), [], "message 0 (user) is empty", {}),
    "empty system prompt": (
        [{"role": "system", "content": ""}, USER, ASSISTANT],
        [],
        "(system) is empty",
        {},
    ),
    "empty earlier answer": (
        [USER, {"role": "assistant", "content": ""}, USER, ASSISTANT],
        [],
        "is empty",
        {},
    ),
    "null answer": ([USER, {"role": "assistant", "content": None}], [], "message 1 (assistant) is empty", {}),
    "unknown role": ([{"role": "critic", "content": "C"}, USER, ASSISTANT], [], "the role 'critic'", {}),
    "role of old functions": ([USER, {"role": "function", "content": "1"}, ASSISTANT], [], "'function'", {}),
    "misspelt role": ([{"role": "User", "content": "A?"}, ASSISTANT], [], "the role 'User'", {}),
    "system prompt in the middle": (
        [USER, ASSISTANT, SYSTEM, USER, ASSISTANT],
        [],
        "may only come first",
        {},
    ),
    "two system prompts": ([SYSTEM, SYSTEM, USER, ASSISTANT], [], "may only come first", {}),
    "two questions in a row": (
        [USER, USER, ASSISTANT],
        [],
        "written",
        {"together": "take turns", "llama-factory": "take turns"},
    ),
    "two answers in a row": ([USER, ASSISTANT, ASSISTANT], [], "follows a message of the assistant", {}),
    "two earlier answers in a row": (
        [USER, ASSISTANT, ASSISTANT, USER, ASSISTANT],
        [],
        "written",
        {"together": "take turns", "llama-factory": "take turns"},
    ),
    "assistant speaks first": (
        [ASSISTANT, USER, ASSISTANT],
        [],
        "written",
        {"together": "take turns", "llama-factory": "take turns"},
    ),
    "content in parts": (
        [{"role": "user", "content": [{"type": "text", "text": "A?"}]}, ASSISTANT],
        [],
        "content that is not text",
        {},
    ),
    "content is a number": ([USER, {"role": "assistant", "content": 42}], [], "content that is not text", {}),
    "result without a call": (
        [USER, {"role": "tool", "content": "1"}, ASSISTANT],
        [],
        "no call before it",
        NO_TOOLS,
    ),
    "call without a result": (
        [*used([call()], results=0)[:2], USER, ASSISTANT],
        [],
        "before the result",
        NO_TOOLS,
    ),
    "more results than calls": (used([call()], results=2), [], "no call before it asked for", NO_TOOLS),
    "ends with a result": (
        used([call()])[:-1],
        [],
        "does not end with the assistant's answer",
        NO_TOOLS,
    ),
    "arguments that are not JSON": (used([call(arguments="{a: 1")]), [], "object of arguments", NO_TOOLS),
    "arguments that are a list": (used([call(arguments="[1]")]), [], "object of arguments", NO_TOOLS),
    "call without a name": (used([call(name=None)]), [], "without a function's name", NO_TOOLS),
    "call with spaces in the name": (used([call(name="find it")]), [], "without a function's name", NO_TOOLS),
    "calls that are not a list": (used({"name": "find"}), [], "without a function's name", NO_TOOLS),
    "call by the user": (
        [{**USER, "tool_calls": [call()]}, ASSISTANT],
        [],
        "is not the assistant's",
        NO_TOOLS,
    ),
    "text next to a call": (
        used([call()], text="Let me look."),
        [tool()],
        "written",
        {"mistral": "both a text and a call", "llama-factory": "both a text and a call", **NO_TOOLS},
    ),
    "two results in a row": (
        [
            *used([call(), {**call(), "id": "abcdefghj"}])[:3],
            {"role": "tool", "tool_call_id": "abcdefghj", "content": "2"},
            ASSISTANT,
        ],
        [tool()],
        "written",
        {"llama-factory": "take turns", **NO_TOOLS},
    ),
    "tool with a long name": (used([call()]), [tool("n" * 65)], "not 1 to 64 letters", NO_TOOLS),
    "tool that is not a function": (used([call()]), [{"type": "search"}], "is not a function", NO_TOOLS),
    "tool with a broken schema": (
        used([call()]),
        [tool(parameters={"type": "objekt"})],
        "not a JSON schema",
        NO_TOOLS,
    ),
}


def row_of(name: str) -> Row:
    """The bad row of that name, as a run could hold it."""
    messages, tools, _, _ = BAD_ROWS[name]
    return made_row(
        content_id(name), messages, Lineage("seed", stage="generate"), status="kept", tools=tools or None
    )


def said_of(name: str, form: str) -> str:
    """What `synth` says of it."""
    _, _, everywhere, somewhere = BAD_ROWS[name]
    return somewhere.get(form, everywhere)
