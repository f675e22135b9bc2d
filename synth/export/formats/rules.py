"""Rules on conversations that several consumers share. Each says what is wrong, or None."""

from __future__ import annotations

from synth.export.example import Example
from synth.llm.base import Json
from synth.row import content_of

_ROLES = ("system", "user", "assistant", "tool")


def known_roles(example: Example) -> str | None:
    """Chat templates (qwen3, phi3) render nothing for a role they do not know, and say nothing."""
    for number, message in enumerate(example.messages):
        if message["role"] not in _ROLES:
            return f"message {number} has the role {message['role']!r}, not one of {', '.join(_ROLES)}"
    return None


def system_first(example: Example) -> str | None:
    """Templates take a system prompt at the start, or not at all."""
    for number, message in enumerate(example.messages):
        if message["role"] == "system" and number:
            return f"message {number} is a system prompt, which may only come first"
    return None


def answered(example: Example) -> str | None:
    """There has to be something to learn, and something that asks for it."""
    if not example.messages or example.answer["role"] != "assistant":
        return "it does not end with the assistant's answer"
    if not any(message["role"] == "user" for message in example.prompt):
        return "nobody asks: it has no user's message before the answer"
    return None


def asked_last(example: Example) -> str | None:
    """What comes before the answer must be the other side: a completion does not continue an answer."""
    if len(example.messages) > 1 and example.prompt[-1]["role"] not in ("user", "tool"):
        return f"the answer follows a message of the {example.prompt[-1]['role']}, not of the user or a tool"
    return None


def said_something(example: Example) -> str | None:
    """An empty turn is rendered as one, and trained on."""
    for number, message in enumerate(example.messages):
        if not isinstance(message.get("content", ""), str):
            return f"message {number} has content that is not text"
        if not content_of(message).strip() and not message.get("tool_calls") and message["role"] != "tool":
            return f"message {number} ({message['role']}) is empty"
    return None


def tools_paired(example: Example) -> str | None:
    """A tool's result follows the call that asked for it."""
    calls = 0
    for number, message in enumerate(example.messages):
        if message["role"] == "tool":
            if calls == 0:
                return f"message {number} is a tool's result that no call asked for"
            calls -= 1
        else:
            calls = len(_calls(message))
    return None


def _calls(message: Json) -> list[Json]:
    calls = message.get("tool_calls") or []
    return calls if isinstance(calls, list) else []


CONVERSATION = (known_roles, system_first, answered, asked_last, said_something, tools_paired)
