"""What people gave, as makers draw on it: seeds, passages of documents, failures of today's model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synth.conversation import Conversation, assistant_message
from synth.frozen import FrozenJson, freeze
from synth.llm.base import Json
from synth.row import Lineage, Row, content_id


@dataclass(frozen=True, slots=True)
class Seed:
    """A row that people gave. One of weight 2 is drawn as an example twice as often as one of weight 1."""

    row: Row
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, with its place: `text` is `start` to `end` of the document's characters."""

    file: str
    text: str
    start: int
    end: int
    heading: str | None

    @property
    def id(self) -> str:
        """Depends on the text alone: the same passage in two files is one."""
        return content_id("passage", self.text)

    @property
    def place(self) -> Json:
        """As a receipt names it."""
        return {"file": self.file, "start": self.start, "end": self.end, "heading": self.heading}


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """What today's model got wrong: the prompt, its bad answer, and what people said about it."""

    id: str
    messages: Sequence[FrozenJson]
    response: str
    problem: str | None
    expected: str | None
    model: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", freeze(self.messages))

    def as_row(self) -> Row:
        """The prompt with the expected answer: as good as a seed, and with a seed's id."""
        assert self.expected is not None, "only a failure with an expected answer is a row"
        conversation = Conversation((*self.messages, assistant_message(self.expected)))
        return Row(self.id, conversation, Lineage("seed"))
