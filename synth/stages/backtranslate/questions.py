"""Drafts questions and answers about passages, each with a supporting quote that is checked.

With `context`, the prompt has the passage among others that do not answer the question, and the answer names
the right one. For a share of the questions the passage is left out, and the right answer says so (RAFT,
https://arxiv.org/abs/2403.10131).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from synth.conversation import Conversation, assistant_message, user_message
from synth.errors import RecipeError
from synth.llm.base import Json
from synth.llm.model import Completion
from synth.row import Lineage, Row, content_id
from synth.stable_hash import fraction
from synth.stages.asking import attributed
from synth.stages.backtranslate.options import BacktranslateOptions, ContextOptions
from synth.stages.backtranslate.reasons import BacktranslateAction, BacktranslateReason
from synth.stages.context import Context
from synth.stages.passages import PassageIndex, quoted_in
from synth.stages.reply_reasons import ReplyReason
from synth.stages.source_items import Passage
from synth.stages.structured_output import ask_for_object
from synth.text.standalone import leans_on_source
from synth.text.tokens import word_count

_FEWEST_WORDS = 3


class Questions:
    """Drafts several rows from each passage, and drops rows whose quote is not in the text."""

    chain = 1
    judge = None

    def __init__(
        self,
        name: str,
        options: BacktranslateOptions,
        context: Context,
        passages: Sequence[Passage],
        salt: str,
    ) -> None:
        self._name = name
        self._options = options
        self.drafts_each = options.questions
        self._salt = salt
        self._writer = context.writer(options)
        self._prompt = context.prompt(options, "questions", ["texts", "count"])
        self._prompt.answers_with(within="pairs", question="string", answer="string", quote="string")
        if around := options.context:
            asking = context.other_prompt(around.prompt, ["passages", "question"])
            self._passages = PassageIndex(passages, asking, salt)
            if len(passages) <= around.distractors and context.recipe.limit is None:
                raise RecipeError(
                    f"{around.distractors} distractors need more than {len(passages)} passages.",
                    where=f"stage {name!r}: context.distractors",
                    hint="Lower it, or make shorter passages with `max_chars`.",
                )

    async def draft(self, passages: Sequence[Passage], lineage: Lineage) -> list[Row]:
        """Sends one request for all questions of a passage. Raises `Unusable` if none can be parsed."""
        values = {"texts": [p.text for p in passages], "count": self._options.questions}
        found, answer = await ask_for_object(
            self._writer,
            self._prompt.render(values),
            self._options.sampling,
            self._prompt.schema,
            self._options.attempts,
        )
        rows = [
            self._row(pair, number, passages, lineage, answer)
            for number, pair in enumerate(found["pairs"][: self._options.questions])
        ]
        return rows or [self._none(lineage, answer)]

    def _none(self, lineage: Lineage, answer: Completion) -> Row:
        row = Row(content_id(self._name, answer.request.identity), Conversation(), lineage)
        row = attributed(row, stage=self._name, prompt=self._prompt, answer=answer)
        return row.dropped(self._name, ReplyReason.EMPTY, "the answer holds no question")

    def _row(
        self, pair: Json, number: int, passages: Sequence[Passage], lineage: Lineage, answer: Completion
    ) -> Row:
        question, response, quote = (str(pair[key]).strip() for key in ("question", "answer", "quote"))
        exchange = Conversation((user_message(question), assistant_message(response)))
        row = Row(content_id(self._name, answer.request.identity, number), exchange, lineage)
        row = attributed(row, stage=self._name, prompt=self._prompt, answer=answer)
        # Reviewers see the quote next to the text.
        source = "\n\n".join(passage.text for passage in passages)
        row = row.with_event(self._name, BacktranslateAction.QUOTED, quote=quote, source=source)
        quoted = quoted_in(quote, passages)
        if (length := word_count(question)) < _FEWEST_WORDS:
            return row.dropped(self._name, BacktranslateReason.TOO_SHORT, f"{length} words")
        if not response:
            return row.dropped(self._name, ReplyReason.EMPTY, "the answer is empty")
        if quoted is None:
            return row.dropped(
                self._name, BacktranslateReason.QUOTE_NOT_FOUND, f"not in the text: {quote[:200]!r}"
            )
        if self._options.context:
            return self._in_context(row, question, response, quote, quoted, self._options.context)
        if leaning := leans_on_source(question):
            why = f"refers to {leaning!r}, which its reader does not have"
            return row.dropped(self._name, BacktranslateReason.LEANS_ON_SOURCE, why)
        return row

    def _in_context(
        self, row: Row, question: str, response: str, quote: str, own: Passage, around: ContextOptions
    ) -> Row:
        """The row with passages in its prompt, in an order that depends only on the row. The answer ends
        with the number of the right passage.
        """
        others = self._passages.others(question, around.distractors, than=row.lineage.parents, without=quote)
        absent = self._chance(row) < around.absent
        shown = self._passages.mixed(row.id, others if absent else [own, *others])
        asked = self._passages.ask(shown, question)
        answer = around.answer if absent else f"{response} [{shown.index(own) + 1}]"
        row = replace(
            row,
            conversation=Conversation((*asked, assistant_message(answer))),
            labels={**row.labels, "answerable": not absent},
            lineage=replace(row.lineage, shots=tuple(p.id for p in others)),
        )
        return row.with_event(self._name, BacktranslateAction.ABSENT if absent else BacktranslateAction.CITED)

    def _chance(self, row: Row) -> float:
        return fraction(self._salt, "absent", row.id)
