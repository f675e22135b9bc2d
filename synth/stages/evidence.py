"""What a writer may ask about and answer from: passages of the documents, and a file of facts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field

from synth.errors import PromptError, SourceError
from synth.prompts import Prompt
from synth.recipe.base import AskingOptions
from synth.small_files import read_small
from synth.stable_hash import rank
from synth.stages.context import Context, no_source
from synth.stages.source_items import Passage
from synth.text.grounding import unsupported_claims
from synth.text.retrieval import Retriever

# Characters of a passage. `respond: {grounded: {}}` has the same limits, so that both cut equal passages.
SHORTEST, LONGEST = 300, 1500

# Characters. Every request carries the whole file.
_LONGEST_FACTS = 20_000

# A subject is used with each of this many nearest groups of passages in turn.
_TURNS = 2


class EvidenceOptions(AskingOptions):
    """Options of stages that can show documents and facts to the writer."""

    context: Literal["documents"] | None = Field(
        default=None,
        description="`documents`: show passages of `sources.documents` to the writer, so that it writes "
        "about what they say.",
    )
    facts: str | None = Field(
        default=None,
        description="A text file of facts next to the recipe, shown in every request.",
    )


class Evidence:
    """The evidence of one stage. Without `context` and `facts`, it is false and shows nothing."""

    def __init__(self, name: str, options: EvidenceOptions, context: Context) -> None:
        self._salt = f"{context.recipe.seed}:{name}:evidence"
        self._passages: list[Passage] = []
        if options.context == "documents":
            self._passages = _passages(name, context, self._salt)
        file = context.recipe.folder / options.facts if options.facts is not None else None
        self.files = (file,) if file else ()
        self.facts = context.redacted(_read_facts(file, context.where(name, "facts"))) if file else ""

    def __bool__(self) -> bool:
        return bool(self._passages or self.facts)

    @property
    def turns(self) -> int:
        """The number of passages, each of which is used once before any is used again."""
        return len(self._passages)

    def passages_for(self, text: str | None, number: int, count: int = 1) -> list[Passage]:
        """The passages of request `number` about `text`: the nearest to it, or the next ones in turn.

        Without a text, all passages are used about equally often, in an order that a new document does not
        change. With a text, `number` alternates between the nearest passages and those after them.
        """
        if not self._passages:
            return []
        every = self._passages if text is None else self._nearest(text, count * _TURNS)
        return [every[(number * count + i) % len(every)] for i in range(min(count, len(every)))]

    def texts(self, passages: Sequence[Passage]) -> list[str]:
        """The passages with the headings above them, as a prompt shows them."""
        return [_with_heading(passage) for passage in passages]

    def all_texts(self, passages: Sequence[Passage]) -> list[str]:
        """Everything that a request with these passages shows, to check an answer against."""
        return [*self.texts(passages), *([self.facts] if self.facts else [])]

    def unsupported(self, answer: str, passages: Sequence[Passage], *others: str) -> list[str]:
        """The facts of an answer that neither the evidence nor one of the `others` (the request, the system
        prompt) has. None without evidence.
        """
        return unsupported_claims(answer, [*self.all_texts(passages), *others]) if self else []

    def _nearest(self, text: str, count: int) -> list[Passage]:
        return [self._passages[position] for position in self._retriever.nearest(text, count)]

    @cached_property
    def _retriever(self) -> Retriever:
        return Retriever(self.texts(self._passages))


def _with_heading(passage: Passage) -> str:
    """The text below the headings that it does not begin with itself."""
    heading = passage.heading or ""
    if passage.text.startswith("#"):
        heading = heading.rpartition(" > ")[0]
    return f"{heading}\n\n{passage.text}" if heading else passage.text


def _passages(name: str, context: Context, salt: str) -> list[Passage]:
    if context.recipe.sources.documents is None:
        raise no_source(name, "documents")
    found = context.passages(SHORTEST, LONGEST)
    if not found:
        raise SourceError(
            f"hold no passage of {SHORTEST} to {LONGEST:,} characters.", where="sources.documents"
        )
    return sorted(found, key=lambda passage: rank(salt, passage.id))


def _read_facts(file: Path, where: str) -> str:
    try:
        text = read_small(file, SourceError).strip()
    except OSError as error:
        raise SourceError(f"`facts` cannot be read: {error}.", where=where) from None
    if len(text) > _LONGEST_FACTS:
        raise SourceError(
            f"has {len(text):,} characters; every request would carry them.",
            where=str(file),
            hint=f"Keep at most {_LONGEST_FACTS:,}, or put the text into `sources.documents` and use"
            " `context: documents`.",
        )
    if not text:
        raise SourceError("is empty.", where=str(file))
    return text


# What a writer answers if the evidence does not hold the answer. The row is then dropped.
UNKNOWN = "unknown"


def is_unknown(text: str) -> bool:
    """Whether a writer's reply says that the right answer is unknown."""
    return text.strip().strip("[].*`").casefold() == UNKNOWN or f"[{UNKNOWN}]" in text.casefold()


def check_shown(prompt: Prompt, stage: str) -> None:
    """Checks that the prompt shows the evidence. Raises `PromptError` if it does not take `passages`."""
    if "passages" not in prompt.inputs:
        raise PromptError(
            f"does not take `passages`, so the stage {stage!r} cannot show documents or facts.",
            where=prompt.name,
            hint="Add `passages` to its inputs and use it, or leave out `context` and `facts`.",
        )
