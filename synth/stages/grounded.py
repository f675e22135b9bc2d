"""Answers from documents: passages found for a request, an answer with a quote, and a check of the quote.

What fine-tuning is to teach here is to answer from what is shown, and to say when it is not there (RAFT,
https://arxiv.org/abs/2403.10131). So the writer sees the nearest passages among distractors, and says
which sentence supports its answer. A quote that stands in no passage is asked for again; an answer that
never has one is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from synth.errors import SourceError
from synth.llm.base import Json, Reply
from synth.llm.model import Answer
from synth.row import Row, content_of
from synth.stages.answers import reads_object
from synth.stages.base import Context, Unusable, ask_until_served, lineage_of, no_source
from synth.stages.given import Passage
from synth.stages.options import GroundedOptions, RespondOptions
from synth.stages.passages import Passages, quoted_in
from synth.stages.score import transcript

# A quote of fewer words stands in too many places to support anything.
_FEWEST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Support:
    """An answer, the passage that it is from, and the words there that say so."""

    answer: str
    quote: str
    passage: Passage


class Grounded:
    """One way to `respond`."""

    def __init__(
        self, name: str, options: RespondOptions, grounded: GroundedOptions, context: Context
    ) -> None:
        self._name = name
        self._options = options
        self._grounded = grounded
        self._model = context.model("writer", options)
        self._draft = context.other_prompt(
            "respond", grounded.draft, ["passages", "question", "before", "system"]
        )
        self._draft.answers_with(supported="boolean", quote="string", answer="string")
        asking = context.other_prompt("backtranslate", grounded.prompt, ["passages", "question"])
        if context.recipe.sources.documents is None:
            raise no_source(name, "documents")
        passages = context.passages(grounded.shortest, grounded.longest)
        if not passages:
            raise SourceError("hold no passage.", where="sources.documents", hint="Add documents.")
        self._passages = Passages(passages, asking, f"{context.recipe.seed}:{name}")

    async def answer(self, row: Row) -> None:
        """Answers the last message of `row`, or drops the row where nothing supports an answer.

        Raises `Unusable` where no attempt has a quote that stands in a passage.
        """
        question = content_of(row.messages[-1])
        found = self._passages.nearest(question, self._grounded.passages)
        others = self._passages.others(
            row.id, self._grounded.distractors, than=[p.id for p in found], without=None
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
        lineage_of(row, stage=row.lineage.stage or self._name, prompt=self._draft, answer=answer)
        self._note(row, support, shown, answer)
        if self._grounded.in_prompt:
            self._ask_with(row, shown, question)
        elif support is None:
            row.drop(self._name, "not_in_context", "no passage that was found for it supports an answer")
            return
        row.messages = [*row.messages, {"role": "assistant", "content": self._words(support, shown)}]

    def _values(self, row: Row, shown: Sequence[Passage], question: str) -> Json:
        system = [content_of(m) for m in row.messages[:1] if m["role"] == "system"]
        before = [m for m in row.messages[:-1] if m["role"] != "system"]
        return {
            "passages": [p.text for p in shown],
            "question": question,
            "before": transcript(before) if before else "",
            "system": system[0] if system else "",
        }

    def _reads(self, shown: Sequence[Passage]) -> Callable[[Reply], Support | None]:
        """A reader for an answer with its quote; None where the model finds that no passage holds it."""
        as_object = reads_object(self._draft.schema)

        def read(reply: Reply) -> Support | None:
            said = as_object(reply)
            if not said["supported"]:
                return None
            answer, quote = str(said["answer"]).strip(), str(said["quote"]).strip()
            passage = quoted_in(quote, shown) if len(quote.split()) >= _FEWEST_WORDS else None
            if passage is None:
                raise Unusable("quote_not_found", f"not in the passages: {quote[:200]!r}")
            if not answer:
                raise Unusable("empty", "the answer is empty")
            return Support(answer, quote, passage)

        return read

    def _note(self, row: Row, support: Support | None, shown: Sequence[Passage], answer: Answer) -> None:
        """Whoever reviews the row reads the quote beside its passage."""
        event: Json = {}
        row.labels = {**row.labels, "answerable": support is not None}
        shots = [p.id for p in shown if support is None or p.id != support.passage.id]
        row.lineage = replace(row.lineage, shots=(*row.lineage.shots, *shots))
        if support is not None:
            event |= {"quote": support.quote, "source": support.passage.text}
            parents = (*row.lineage.parents, support.passage.id)
            row.lineage = replace(row.lineage, parents=parents, source=support.passage.place)
        did = "grounded" if support else "not_in_context"
        row.note(self._name, did, **event, prompt=self._draft.label, request=answer.request.identity)

    def _ask_with(self, row: Row, shown: Sequence[Passage], question: str) -> None:
        """Puts the passages into the row's prompt; its own system prompt stands before the template's."""
        asked = self._passages.ask(shown, question)
        kept = [m for m in row.messages[:-1] if m["role"] != "system"]
        own = [content_of(m) for m in row.messages if m["role"] == "system"]
        systems = [*own, *(content_of(m) for m in asked if m["role"] == "system")]
        rest = [m for m in asked if m["role"] != "system"]
        head: list[Json] = [{"role": "system", "content": "\n\n".join(systems)}] if systems else []
        row.messages = [*head, *kept, *rest]

    def _words(self, support: Support | None, shown: Sequence[Passage]) -> str:
        if support is None:
            return self._grounded.answer
        if not self._grounded.in_prompt:
            return support.answer
        return f"{support.answer} [{shown.index(support.passage) + 1}]"
