"""Rules on examples that several consumers share. Each returns the problem as text, or None."""

from __future__ import annotations

import re

from synth.conversation import content_of
from synth.exports.example import TrainingExample
from synth.llm.base import Json

_ROLES = ("system", "user", "assistant", "tool")
_FUNCTION_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def known_roles(example: TrainingExample) -> str | None:
    """Chat templates (qwen3, phi3) silently render nothing for an unknown role."""
    for number, message in enumerate(example.messages):
        if message["role"] not in _ROLES:
            return f"message {number} has the role {message['role']!r}, not one of {', '.join(_ROLES)}"
    return None


def system_first(example: TrainingExample) -> str | None:
    """Templates accept a system prompt only as the first message."""
    for number, message in enumerate(example.messages):
        if message["role"] == "system" and number:
            return f"message {number} is a system prompt, which may only come first"
    return None


def has_user_message(example: TrainingExample) -> str | None:
    """An answer without a user's message teaches a model to talk to itself."""
    if not any(message["role"] == "user" for message in example.messages):
        return "it has no message of the user"
    return None


def ends_with_answer(example: TrainingExample) -> str | None:
    """Without an answer there is nothing to learn."""
    if not example.messages or example.answer["role"] != "assistant":
        return "it does not end with the assistant's answer"
    return None


def ends_with_question(example: TrainingExample) -> str | None:
    """A prompt must end with a message that the assistant can answer."""
    if not example.messages or example.answer["role"] not in ("user", "tool"):
        return "the prompt does not end with the user or a tool"
    return None


def answer_follows_question(example: TrainingExample) -> str | None:
    """The message before the answer must not be the assistant's: a completion does not continue an answer."""
    if len(example.messages) > 1 and example.prompt[-1]["role"] not in ("user", "tool"):
        return f"the answer follows a message of the {example.prompt[-1]['role']}, not of the user or a tool"
    return None


def says_something(example: TrainingExample) -> str | None:
    """An empty turn would be rendered and trained on. Content that is not text breaks templates."""
    for number, message in enumerate(example.messages):
        if not isinstance(message["content"], str):
            return f"message {number} has content that is not text"
        if not content_of(message).strip() and not message.get("tool_calls") and message["role"] != "tool":
            return f"message {number} ({message['role']}) is empty"
    return None


def calls_well_formed(example: TrainingExample) -> str | None:
    """Only the assistant makes calls. A call has a function's name and an object of arguments."""
    for number, message in enumerate(example.messages):
        calls = message.get("tool_calls", [])
        if calls and message["role"] != "assistant":
            return f"message {number} calls a tool, but is not the assistant's"
        if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
            return f"message {number} has a call without a function's name and an object of arguments"
    return None


def results_follow_calls(example: TrainingExample) -> str | None:
    """A tool's result follows the call that asked for it, and all results come before the next turn."""
    waiting: set[str] = set()
    for number, message in enumerate(example.messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                return f"message {number} is a tool's result that no call before it asked for"
            waiting.remove(message["tool_call_id"])
        elif waiting:
            return f"message {number} comes before the result of a call"
        else:
            waiting = {call["id"] for call in message.get("tool_calls", [])}
    return None


def tools_well_formed(example: TrainingExample) -> str | None:
    """Tools are functions with a name of letters, digits, `_` and `-`, and a JSON schema."""
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import SchemaError

    for number, tool in enumerate(example.tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict):
            return f"tool {number} is not a function"
        name = function.get("name")
        if not isinstance(name, str) or not _FUNCTION_NAME.fullmatch(name):
            return f"tool {number} has the name {name!r}, not 1 to 64 letters, digits, _ or -"
        try:
            Draft7Validator.check_schema(function.get("parameters") or {})
        except SchemaError as error:
            return f"the parameters of the tool {name!r} are not a JSON schema ({error.message})"
    return None


def no_tools(example: TrainingExample) -> str | None:
    """For formats without a field for tools."""
    if example.tools or any(m["role"] == "tool" or m.get("tool_calls") for m in example.messages):
        return "it uses tools, which the format cannot express"
    return None


def turns_alternate(example: TrainingExample) -> str | None:
    """After the system prompt the user (or a tool) and the assistant take turns, the user first.

    LLaMA-Factory drops other rows with a line in its log; Together and gemma3's template refuse them.
    """
    turns = [message["role"] for message in example.messages if message["role"] != "system"]
    for number, role in enumerate(turns):
        if (role == "assistant") != bool(number % 2):
            return f"turn {number} is the {role}'s: the user and the assistant have to take turns"
    return None


def calls_or_says(example: TrainingExample) -> str | None:
    """For formats in which a message is either a text or calls."""
    for number, message in enumerate(example.messages):
        if message.get("tool_calls") and content_of(message):
            return f"message {number} has both a text and a call, and the format allows only one of them"
    return None


def single_answer(example: TrainingExample) -> str | None:
    """Compares the two answers as texts."""
    if example.rejected is not None and example.rejected.strip() == content_of(example.answer).strip():
        return "the chosen and the rejected answer are the same"
    return None


def _is_call(call: Json) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return (
        isinstance(function, dict)
        and isinstance(function.get("name"), str)
        and _FUNCTION_NAME.fullmatch(function["name"]) is not None
        and isinstance(function.get("arguments"), dict)
    )


_ANY = (
    system_first,
    has_user_message,
    says_something,
    calls_well_formed,
    results_follow_calls,
    tools_well_formed,
)
PROMPT = (known_roles, ends_with_question, *_ANY)
CONVERSATION = (known_roles, ends_with_answer, answer_follows_question, *_ANY)
COMPARISON = (*CONVERSATION, single_answer)
