"""The inputs of makers: seeds, passages of documents, known failures of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synth.conversation import Conversation, assistant_message
from synth.frozen import FrozenJson, freeze
from synth.llm.base import Json
from synth.row import Lineage, Row, content_id


@dataclass(frozen=True, slots=True)
class Seed:
    """A seed row. One of weight 2 is drawn as an example twice as often as one of weight 1."""

    row: Row
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: `text` has the document's characters from `start` to `end`."""

    file: str
    text: str
    start: int
    end: int
    heading: str | None

    @property
    def id(self) -> str:
        """An id that depends only on the text: equal passages in two files have the same id."""
        return content_id("passage", self.text)

    @property
    def place(self) -> Json:
        """Its position for a receipt."""
        return {"file": self.file, "start": self.start, "end": self.end, "heading": self.heading}


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A failure of a model: the prompt, its bad answer, and people's notes about it."""

    id: str
    messages: Sequence[FrozenJson]
    response: str
    problem: str | None
    expected: str | None
    model: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", freeze(self.messages))

    def as_row(self) -> Row:
        """The prompt with the expected answer, which is used like a seed and has a seed's id."""
        assert self.expected is not None, "only a failure with an expected answer is a row"
        conversation = Conversation((*self.messages, assistant_message(self.expected)))
        return Row(self.id, conversation, Lineage("seed"))
