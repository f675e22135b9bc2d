"""Answers requests from documents: finds passages, writes an answer with a quote, and checks the quote.

Fine-tuning on such rows teaches a model to answer from the given passages, and to say when the answer is
missing (RAFT, https://arxiv.org/abs/2403.10131). So the writer sees the nearest passages among distractors,
and quotes the sentence that supports its answer. If the quote is in no passage, the request is sent again; a
row that never gets a valid quote is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from synth.conversation import content_of, system_message
from synth.errors import SourceError
from synth.frozen import FrozenJson
from synth.llm.base import Json, Reply
from synth.llm.model import Completion
from synth.row import Row
from synth.stages.asking import Unusable, ask_until_served, attributed
from synth.stages.context import Context, no_source
from synth.stages.passages import PassageIndex, quoted_in
from synth.stages.reply_reasons import ReplyReason
from synth.stages.respond.options import GroundedOptions, RespondOptions
from synth.stages.respond.reasons import RespondAction, RespondReason
from synth.stages.source_items import Passage
from synth.stages.structured_output import reads_object
from synth.stages.transcript import transcript
from synth.text.tokens import word_count

# A shorter quote (in words) occurs in too many places to support an answer.
_FEWEST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Support:
    """An answer, its passage, and the supporting quote."""

    answer: str
    quote: str
    passage: Passage


class Grounded:
    """The implementation of `respond` with `grounded`."""

    def __init__(
        self, name: str, options: RespondOptions, grounded: GroundedOptions, context: Context
    ) -> None:
        self._name = name
        self._options = options
        self._grounded = grounded
        self._model = context.writer(options)
        self._draft = context.other_prompt(grounded.draft, ["passages", "question", "before", "system"])
        self._draft.answers_with(supported="boolean", quote="string", answer="string")
        asking = context.other_prompt(grounded.prompt, ["passages", "question"], of="backtranslate")
        if context.recipe.sources.documents is None:
            raise no_source(name, "documents")
        passages = context.passages(grounded.min_chars, grounded.max_chars)
        if not passages:
            raise SourceError("hold no passage.", where="sources.documents", hint="Add documents.")
        self._passages = PassageIndex(passages, asking, f"{context.recipe.seed}:{name}")

    async def answer(self, row: Row) -> Row:
        """The row with an answer to its last message, or dropped if no passage supports one.

        Raises `Unusable` if no attempt has a quote from a passage.
        """
        question = content_of(row.conversation.messages[-1])
        found = self._passages.nearest(question, self._grounded.passages)
        others = self._passages.others(
            question, self._grounded.distractors, than=[p.id for p in found], without=None
        )
        shown = self._passages.mixed(row.id, [*found, *others])
        support, answer = await ask_until_served(
            self._model,
            self._draft.render(self._values(row, shown, question)),
            self._options.sampling,
            self._reads(shown),
            self._options.attempts,
            schema=self._draft.schema,
        )
        row = attributed(row, stage=row.lineage.stage or self._name, prompt=self._draft, answer=answer)
        row = self._noted(row, support, shown, answer)
        if self._grounded.in_prompt:
            row = row.with_messages(self._asked_with(row, shown, question))
        elif support is None:
            why = "no passage that was found for it supports an answer"
            return row.dropped(self._name, RespondReason.NOT_IN_CONTEXT, why)
        return row.with_reply(self._words(support, shown))

    def _values(self, row: Row, shown: Sequence[Passage], question: str) -> Json:
        before = [m for m in row.conversation.messages[:-1] if m["role"] != "system"]
        return {
            "passages": [p.text for p in shown],
            "question": question,
            "before": transcript(before) if before else "",
            "system": row.conversation.system or "",
        }

    def _reads(self, shown: Sequence[Passage]) -> Callable[[Reply], Support | None]:
        """A parser for an answer with its quote. It returns None if the model finds no answer in the
        passages.
        """
        as_object = reads_object(self._draft.schema)

        def read(reply: Reply) -> Support | None:
            said = as_object(reply)
            if not said["supported"]:
                return None
            answer, quote = str(said["answer"]).strip(), str(said["quote"]).strip()
            passage = quoted_in(quote, shown) if word_count(quote) >= _FEWEST_WORDS else None
            if passage is None:
                raise Unusable(RespondReason.QUOTE_NOT_FOUND, f"not in the passages: {quote[:200]!r}")
            if not answer:
                raise Unusable(ReplyReason.EMPTY, "the answer is empty")
            return Support(answer, quote, passage)

        return read

    def _noted(self, row: Row, support: Support | None, shown: Sequence[Passage], answer: Completion) -> Row:
        """Records the quote with its passage, for reviewers."""
        event: Json = {}
        shots = [p.id for p in shown if support is None or p.id != support.passage.id]
        lineage = replace(row.lineage, shots=(*row.lineage.shots, *shots))
        if support is not None:
            event |= {"quote": support.quote, "source": support.passage.text}
            parents = (*lineage.parents, support.passage.id)
            lineage = replace(lineage, parents=parents, source=support.passage.place)
        row = replace(row, lineage=lineage, labels={**row.labels, "answerable": support is not None})
        did = RespondAction.GROUNDED if support else RespondAction.NOT_IN_CONTEXT
        return row.with_event(
            self._name, did, **event, prompt=self._draft.label, request=answer.request.identity
        )

    def _asked_with(self, row: Row, shown: Sequence[Passage], question: str) -> list[FrozenJson]:
        """The row's prompt with the passages. Its own system prompt comes before the template's."""
        asked = self._passages.ask(shown, question)
        messages = row.conversation.messages
        kept = [m for m in messages[:-1] if m["role"] != "system"]
        own = [content_of(m) for m in messages if m["role"] == "system"]
        systems = [*own, *(content_of(m) for m in asked if m["role"] == "system")]
        rest = [m for m in asked if m["role"] != "system"]
        head = [system_message("\n\n".join(systems))] if systems else []
        return [*head, *kept, *rest]

    def _words(self, support: Support | None, shown: Sequence[Passage]) -> str:
        if support is None:
            return self._grounded.answer
        if not self._grounded.in_prompt:
            return support.answer
        return f"{support.answer} [{shown.index(support.passage) + 1}]"
