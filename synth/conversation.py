"""A conversation: messages in OpenAI's format, and the tools for them. Immutable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synth.frozen import FrozenJson, freeze


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages and tools of a row.

    `messages` are `{"role", "content"}` objects with the other keys of OpenAI's format (`tool_calls`,
    `name`). Lists and dictionaries are frozen when they come in, so many rows can share a conversation.
    """

    messages: Sequence[FrozenJson] = ()
    tools: Sequence[FrozenJson] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", freeze(self.messages))
        object.__setattr__(self, "tools", freeze(self.tools))

    @property
    def has_answer(self) -> bool:
        """Whether the last message is the assistant's."""
        return bool(self.messages) and self.messages[-1]["role"] == "assistant"

    @property
    def answer(self) -> str | None:
        """The text of the last message if it is the assistant's. Empty for a pure tool call."""
        return content_of(self.messages[-1]) if self.has_answer else None

    @property
    def prompt(self) -> Sequence[FrozenJson]:
        """The messages before the answer; all messages if there is no answer."""
        return self.messages[:-1] if self.has_answer else self.messages

    @property
    def prompt_text(self) -> str:
        """Everything before the answer as one text, which is compared to find near-duplicates.

        The system prompt is left out: the rows of one dataset share it.
        """
        return "\n".join(content_of(message) for message in self.prompt if message["role"] != "system")

    @property
    def system(self) -> str | None:
        """The system prompt, if it is the first message."""
        if self.messages and self.messages[0]["role"] == "system":
            return content_of(self.messages[0])
        return None

    @property
    def last_request(self) -> str:
        """The text of the user's last message. Empty if there is none."""
        last = self._last_request
        return "" if last is None else content_of(self.messages[last])

    @property
    def before_last_request(self) -> Sequence[FrozenJson]:
        """The messages before the user's last one. Empty if there is none."""
        return self.messages[: self._last_request or 0]

    @property
    def _last_request(self) -> int | None:
        places = (n for n, message in reversed(tuple(enumerate(self.messages))) if message["role"] == "user")
        return next(places, None)

    def with_messages(self, messages: Sequence[FrozenJson]) -> Conversation:
        """A conversation with these messages and the same tools."""
        return Conversation(messages, self.tools)

    def with_answer(self, text: str) -> Conversation:
        """The same prompt with this answer, which replaces an existing one."""
        said = {**self.messages[-1], "content": text} if self.has_answer else assistant_message(text)
        return self.with_messages((*self.prompt, said))

    def with_reply(self, text: str) -> Conversation:
        """The same prompt with this message of the assistant, which replaces an existing answer
        completely.
        """
        return self.with_messages((*self.prompt, assistant_message(text)))

    def with_last_request(self, text: str) -> Conversation:
        """The same conversation with another text in the user's last message. Raises `ValueError` if there
        is none.
        """
        last = self._last_request
        if last is None:
            raise ValueError("the conversation has no request")
        changed = {**self.messages[last], "content": text}
        return self.with_messages((*self.messages[:last], changed, *self.messages[last + 1 :]))


def content_of(message: FrozenJson) -> str:
    """The text of a message. Empty if it has none (a pure tool call)."""
    content = message.get("content")
    return content if isinstance(content, str) else ""


def user_message(text: str) -> FrozenJson:
    """A message of the user."""
    return {"role": "user", "content": text}


def system_message(text: str) -> FrozenJson:
    """A system prompt."""
    return {"role": "system", "content": text}


def assistant_message(text: str) -> FrozenJson:
    """A message of the assistant."""
    return {"role": "assistant", "content": text}
