"""A conversation as one text."""

from __future__ import annotations

from collections.abc import Sequence

from synth.conversation import content_of
from synth.frozen import FrozenJson


def transcript(conversation: Sequence[FrozenJson]) -> str:
    """The text of a single request, or several messages with their roles."""
    turns = [m for m in conversation if m["role"] != "system"]
    if len(turns) == 1 and len(conversation) == 1:
        return content_of(turns[0])
    return "\n\n".join(f"{m['role'].capitalize()}: {content_of(m)}" for m in conversation)


def seen_by_user(conversation: Sequence[FrozenJson]) -> list[FrozenJson]:
    """The messages without the system prompt, which the user of an assistant never sees."""
    return [message for message in conversation if message["role"] != "system"]
