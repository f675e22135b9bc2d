"""Answers requests from documents: finds passages, writes an answer with quotes, and checks both.

Fine-tuning on such rows teaches a model to answer from the given passages, and to say when the answer is
missing (RAFT, https://arxiv.org/abs/2403.10131). So the writer sees the nearest passages, of which most do
not help, and quotes the sentences that support its answer. If a quote is in no passage, or the answer has a
fact that neither the passages nor the conversation has, the request is sent again; a row that never gets a
supported answer is dropped.
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
from synth.stages.respond.cited_replies import read_cited
from synth.stages.respond.options import GroundedOptions, RespondOptions
from synth.stages.respond.reasons import RespondAction, RespondReason
from synth.stages.source_items import Passage
from synth.stages.transcript import seen_by_user, transcript
from synth.text.grounding import listed, unsupported_claims
from synth.text.tokens import word_count

# A shorter quote (in words) occurs in too many places to support an answer.
_FEWEST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Support:
    """An answer, the quotes that support it, and their passages, each once."""

    answer: str
    quotes: Sequence[str]
    passages: Sequence[Passage]


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
        if self._draft.schema:
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

        Raises `Unusable` if no attempt has quotes from the passages and only facts that they support.
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
            self._reads(row, shown),
            self._options.attempts,
            schema=self._draft.schema,
        )
        row = attributed(row, stage=row.lineage.stage or self._name, prompt=self._draft, answer=answer)
        row = self._noted(row, support, shown, answer)
        if support is None and self._grounded.not_in_context == "drop":
            why = f"the {len(shown)} nearest passages hold no answer, says the model"
            return row.dropped(self._name, RespondReason.NOT_IN_CONTEXT, why)
        if self._grounded.in_prompt:
            row = row.with_messages(self._asked_with(row, shown, question))
        return row.with_reply(self._words(support, shown))

    def _values(self, row: Row, shown: Sequence[Passage], question: str) -> Json:
        before = seen_by_user(row.conversation.messages[:-1])
        return {
            "passages": self._texts(shown),
            "question": question,
            "before": transcript(before) if before else "",
            "system": row.conversation.system or "",
        }

    def _texts(self, shown: Sequence[Passage]) -> list[str]:
        """The passages as the writer sees them: as in the prompt of the row, or else with their headings."""
        if self._grounded.in_prompt:
            return [p.text for p in shown]
        return [f"{p.heading}\n\n{p.text}" if p.heading else p.text for p in shown]

    def _reads(self, row: Row, shown: Sequence[Passage]) -> Callable[[Reply], Support | None]:
        """A parser for an answer with its quotes, which checks both. It returns None if the model finds no
        answer in the passages.
        """
        evidence = [*self._texts(shown), *map(content_of, row.conversation.messages)]

        def read(reply: Reply) -> Support | None:
            cited = read_cited(reply, self._draft)
            if cited is None:
                return None
            passages = [_passage_of(quote, shown) for quote in cited.quotes]
            if claims := unsupported_claims(cited.answer, evidence):
                raise Unusable(RespondReason.UNSUPPORTED, f"nothing supports {listed(claims)}")
            return Support(cited.answer, cited.quotes, list(dict.fromkeys(passages)))

        return read

    def _noted(self, row: Row, support: Support | None, shown: Sequence[Passage], answer: Completion) -> Row:
        """Records the quotes with their passages, for reviewers and judges."""
        event: Json = {}
        own = [p.id for p in support.passages] if support else []
        lineage = replace(row.lineage, shots=(*row.lineage.shots, *(p.id for p in shown if p.id not in own)))
        if support is not None:
            first = support.passages[0]
            event |= {"quote": support.quotes[0], "source": first.text}
            event |= {"quotes": list(support.quotes)} if len(support.quotes) > 1 else {}
            lineage = replace(lineage, parents=(*lineage.parents, *own), source=first.place)
        if not self._grounded.in_prompt:
            event["evidence"] = self._texts(shown)
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
        numbers = sorted(shown.index(passage) + 1 for passage in support.passages)
        return f"{support.answer} {''.join(f'[{number}]' for number in numbers)}"


def _passage_of(quote: str, shown: Sequence[Passage]) -> Passage:
    """The passage that has the quote. Raises `Unusable`."""
    if word_count(quote) < _FEWEST_WORDS:
        raise Unusable(RespondReason.QUOTE_NOT_FOUND, f"fewer than {_FEWEST_WORDS} words: {quote!r}")
    passage = quoted_in(quote, shown)
    if passage is None:
        raise Unusable(RespondReason.QUOTE_NOT_FOUND, f"not in the passages: {quote[:200]!r}")
    return passage
