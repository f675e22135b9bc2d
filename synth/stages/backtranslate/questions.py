"""Drafts questions and answers about passages, each with a supporting quote that is checked.

With `context`, the prompt has the passage among the nearest others, and the answer names the right one. For a
share of the questions the passage is left out, and the right answer says so (RAFT,
https://arxiv.org/abs/2403.10131). Such a row is right only if no passage in its prompt answers the question:
rules leave out passages that hold the quote or all facts of the answer, and the judge reads the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from synth.conversation import Conversation, assistant_message, user_message
from synth.errors import RecipeError
from synth.llm.base import Json, RequestFailed
from synth.llm.model import Completion
from synth.row import Lineage, Row, content_id
from synth.stable_hash import fraction
from synth.stages.asking import Unusable, attributed, refused
from synth.stages.backtranslate.examples import SeedExamples, as_values
from synth.stages.backtranslate.options import BacktranslateOptions, ContextOptions
from synth.stages.backtranslate.reasons import BacktranslateAction, BacktranslateReason
from synth.stages.context import Context
from synth.stages.judging import YesNoJudge
from synth.stages.passages import PassageIndex, quoted_in
from synth.stages.reply_reasons import ReplyReason
from synth.stages.source_items import Passage
from synth.stages.structured_output import ask_for_object
from synth.text.grounding import unsupported_claims
from synth.text.standalone import leans_on_source
from synth.text.tokens import word_count

_FEWEST_WORDS = 3

# Passages that are read for each distractor, because some of them answer the question, too.
_READ = 4


class Questions:
    """Drafts several rows from each passage, and drops rows that the passage does not support."""

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
        self._examples = SeedExamples(context.seeds, salt)
        self._prompt = context.prompt(options, "questions", ["texts", "count", "examples"])
        self._prompt.answers_with(within="pairs", question="string", answer="string", quote="string")
        if around := options.context:
            asking = context.other_prompt(around.prompt, ["passages", "question"])
            self._passages = PassageIndex(passages, asking, salt)
            self._answering = YesNoJudge(
                name,
                context.judge(options.judge),
                context.other_prompt("answered", ["first", "second"]).answers_with(answered="boolean"),
                "answered",
                BacktranslateAction.JUDGED,
                options.judge_sampling,
                options.attempts,
                context.judges,
            )
            if len(passages) <= around.distractors and context.recipe.limit is None:
                raise RecipeError(
                    f"{around.distractors} distractors need more than {len(passages)} passages.",
                    where=f"stage {name!r}: context.distractors",
                    hint="Lower it, or make shorter passages with `max_chars`.",
                )

    async def prepare(self) -> None:
        """Determines how the judge's answers are read."""
        if self._asks_judge:
            await self._answering.prepare()

    @property
    def _asks_judge(self) -> bool:
        around = self._options.context
        return around is not None and around.ask_judge and around.absent > 0

    @property
    def chain(self) -> int:
        """The maximum number of requests for a passage."""
        return 1 + self._asks_judge * self.drafts_each

    @property
    def usual(self) -> int:
        """The expected number of requests for a passage."""
        around = self._options.context
        return 1 + round((self.chain - 1) * around.absent) if around else 1

    async def draft(self, passages: Sequence[Passage], lineage: Lineage) -> list[Row]:
        """Sends one request for all questions of a passage. Raises `Unusable` if none can be parsed."""
        examples = self._examples.of(passages[0].id)
        values = {
            "texts": [p.text for p in passages],
            "count": self._options.questions,
            "examples": as_values(examples),
        }
        found, answer = await ask_for_object(
            self._writer,
            self._prompt.render(values),
            self._options.sampling,
            self._prompt.schema,
            self._options.attempts,
        )
        lineage = replace(lineage, shots=tuple(shot.id for shot in examples))
        rows = [
            await self._row(pair, number, passages, lineage, answer)
            for number, pair in enumerate(found["pairs"][: self._options.questions])
        ]
        return rows or [self._none(lineage, answer)]

    def _none(self, lineage: Lineage, answer: Completion) -> Row:
        row = Row(content_id(self._name, answer.request.identity), Conversation(), lineage)
        row = attributed(row, stage=self._name, prompt=self._prompt, answer=answer)
        return row.dropped(self._name, ReplyReason.EMPTY, "the answer holds no question")

    async def _row(
        self, pair: Json, number: int, passages: Sequence[Passage], lineage: Lineage, answer: Completion
    ) -> Row:
        question, response, quote = (str(pair[key]).strip() for key in ("question", "answer", "quote"))
        exchange = Conversation((user_message(question), assistant_message(response)))
        row = Row(content_id(self._name, answer.request.identity, number), exchange, lineage)
        row = attributed(row, stage=self._name, prompt=self._prompt, answer=answer)
        # Reviewers and judges see the quote next to the text.
        source = "\n\n".join(passage.text for passage in passages)
        row = row.with_event(self._name, BacktranslateAction.QUOTED, quote=quote, source=source)
        row = self._checked(row, quote, passages)
        own = quoted_in(quote, passages)
        if row.pending and own and self._options.context:
            return await self._in_context(row, quote, own, self._options.context)
        return row

    def _checked(self, row: Row, quote: str, passages: Sequence[Passage]) -> Row:
        question, response = row.conversation.last_request, row.conversation.answer or ""
        if (length := word_count(question)) < _FEWEST_WORDS:
            return row.dropped(self._name, BacktranslateReason.TOO_SHORT, f"{length} words")
        if not response:
            return row.dropped(self._name, ReplyReason.EMPTY, "the answer is empty")
        if quoted_in(quote, passages) is None:
            return row.dropped(
                self._name, BacktranslateReason.QUOTE_NOT_FOUND, f"not in the text: {quote[:200]!r}"
            )
        if not self._options.context and (leaning := leans_on_source(question)):
            why = f"refers to {leaning!r}, which its reader does not have"
            return row.dropped(self._name, BacktranslateReason.LEANS_ON_SOURCE, why)
        if claims := unsupported_claims(response, [*map(_with_heading, passages), question]):
            return row.dropped(self._name, BacktranslateReason.UNSUPPORTED, f"not in the text: {claims[0]!r}")
        return row

    async def _in_context(self, row: Row, quote: str, own: Passage, around: ContextOptions) -> Row:
        """The row with passages in its prompt, in an order that depends only on the row. The answer ends
        with the number of the right passage.
        """
        question, response = row.conversation.last_request, row.conversation.answer
        others = self._distractors(row, quote, around.distractors)
        absent = self._chance(row) < around.absent
        shown = self._passages.mixed(row.id, others if absent else [own, *others])
        asked = self._passages.ask(shown, question)
        answer = around.answer if absent else f"{response} [{shown.index(own) + 1}]"
        row = replace(
            row,
            conversation=Conversation((*asked, assistant_message(answer))),
            labels={**row.labels, "answerable": not absent},
            lineage=replace(row.lineage, shots=(*row.lineage.shots, *(p.id for p in others))),
        )
        row = row.with_event(self._name, BacktranslateAction.ABSENT if absent else BacktranslateAction.CITED)
        if not absent or not around.ask_judge:
            return row
        try:
            return await self._judged(row, question, shown)
        except (Unusable, RequestFailed) as error:
            return refused(row, self._name, error)

    async def _judged(self, row: Row, question: str, shown: Sequence[Passage]) -> Row:
        """The row, dropped if the judge finds the answer in the passages of its prompt."""
        texts = "\n\n".join(f"[{number}] {p.text}" for number, p in enumerate(shown, start=1))
        row, answered = await self._answering.judge(row, question, texts)
        if answered:
            why = f"{self._answering.model.model} finds the answer in the passages of the prompt"
            return row.dropped(self._name, BacktranslateReason.ANSWERED_ELSEWHERE, why)
        return row

    def _distractors(self, row: Row, quote: str, count: int) -> list[Passage]:
        """The nearest other passages that hold neither the quote nor all facts of the answer."""
        question, response = row.conversation.last_request, row.conversation.answer or ""
        near = self._passages.others(question, _READ * count, than=row.lineage.parents, without=quote)
        if unsupported_claims(response, [question]):
            near = [p for p in near if unsupported_claims(response, [_with_heading(p), question])]
        return near[:count]

    def _chance(self, row: Row) -> float:
        return fraction(self._salt, "absent", row.id)


def _with_heading(passage: Passage) -> str:
    return f"{passage.heading or ''}\n{passage.text}"
