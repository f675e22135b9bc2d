"""Drafts an instruction for a text that becomes its answer (Humpback, https://arxiv.org/abs/2308.06259).

Self-augmentation drafts the instruction; self-curation keeps drafts that a judge scores 5 of 5. The round
trip is not in the paper: a model answers the instruction without the text. If the two answers do not answer
the same question, the instruction was too vague, or cannot be answered without the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from synth.conversation import Conversation, assistant_message, system_message, user_message
from synth.llm.base import Reply
from synth.row import Lineage, Row, content_id
from synth.stages.asking import Unusable, ask_until_served, attributed
from synth.stages.backtranslate.examples import SeedExamples, as_values, copied_example
from synth.stages.backtranslate.options import HUMPBACK_KEEP, BacktranslateOptions
from synth.stages.backtranslate.reasons import BacktranslateAction, BacktranslateReason
from synth.stages.bar import LEAST_CHANCE, Bar
from synth.stages.context import Context
from synth.stages.judging import Judge, YesNoJudge, score_of, warn_of_own_drafts
from synth.stages.reply_reasons import ReplyReason
from synth.stages.source_items import Passage
from synth.stages.structured_output import read_text
from synth.text.grounding import unsupported_claims
from synth.text.leaked_requests import bare_request, leaked
from synth.text.prompt_leakage import shares_a_word
from synth.text.standalone import leans_on_source
from synth.text.tokens import word_count

# Self-Instruct's bounds for an instruction.
_FEWEST_WORDS, _MOST_WORDS = 4, 150

# Curation at the paper's threshold keeps little of what reads as a page.
_YIELD = (
    "{stage}: curation keeps answers that the judge rates 5 of 5, and passages that read as pages get 3. The"
    " paper kept 8% (41,821 of 502,133). Set `rewrite: true` to put passages into an assistant's words, or a"
    " lower `keep`."
)


class Instructions:
    """Drafts one row from each passage, and drops it with a reason if a check fails."""

    drafts_each = 1

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
        self._writer = context.writer(options)
        judge = context.judge(options.judge)
        self._examples = SeedExamples(context.seeds, salt)
        self._prompt = context.prompt(options, "instruction", ["text", "heading", "examples"])
        self._rewrite = context.other_prompt("rewrite", ["instruction", "text", "examples"])
        agree = context.other_prompt("agree", ["instruction", "first", "second"])
        self._agreeing = YesNoJudge(
            name,
            judge,
            agree.answers_with(agree="boolean"),
            "agree",
            BacktranslateAction.ROUND_TRIP,
            options.judge_sampling,
            options.attempts,
            context.judges,
        )
        self._judge: Judge | None = None
        if options.keep is not None:
            curate = context.other_prompt(options.curate, ["conversation", "response"])
            self._judge = Judge(name, context, judge, curate, options.judge_sampling, options.attempts)
            warn_of_own_drafts(context, name, judge, drops=options.keep != "auto")
        # A writer that judges itself marks its drafts, and drops none unless the recipe sets a threshold.
        usual = None if judge.name == "writer" else HUMPBACK_KEEP
        keep = usual if options.keep == "auto" else options.keep
        self._bar = Bar(">=", keep) if keep is not None else None
        headed = sum(passage.heading is not None for passage in passages)
        if options.keep == "auto" and self._bar and not options.rewrite and 2 * headed > len(passages):
            context.warn(_YIELD.format(stage=name))

    @property
    def chain(self) -> int:
        """The number of requests for a passage whose draft passes every check, and the maximum."""
        options = self._options
        return 1 + options.rewrite + (options.keep is not None) + 2 * options.round_trip

    @cached_property
    def _frame(self) -> str:
        """The prompt without the text: the words that must not be in an instruction."""
        bare = self._prompt.render({"text": "", "heading": "", "examples": []})
        return "\n".join(message["content"] for message in bare)

    async def prepare(self) -> None:
        """Determines how the scores of the curation are read."""
        if self._judge is not None:
            await self._judge.prepare()
        if self._options.round_trip:
            await self._agreeing.prepare()

    @property
    def usual(self) -> int:
        """The expected number of requests for a passage."""
        return self.chain

    async def draft(self, passages: Sequence[Passage], lineage: Lineage) -> list[Row]:
        """The draft. Raises `Unusable` if no instruction can be parsed."""
        passage = passages[0]
        examples = self._examples.of(passage.id)
        values = {"text": passage.text, "heading": passage.heading or "", "examples": as_values(examples)}
        instruction, answer = await ask_until_served(
            self._writer,
            self._prompt.render(values),
            self._options.sampling,
            _read_instruction,
            self._options.attempts,
        )
        row = Row(
            content_id(self._name, answer.request.identity),
            self._conversation(instruction, passage.text),
            lineage,
        )
        row = attributed(row, stage=self._name, prompt=self._prompt, answer=answer)
        row = row.with_event(self._name, BacktranslateAction.DRAFTED, source=passage.text)
        row = replace(row, lineage=replace(row.lineage, shots=tuple(shot.id for shot in examples)))
        row = self._checked(row, instruction, passage, examples)
        if row.pending and self._options.rewrite:
            row = await self._rewritten(row, instruction, passage, examples)
        if row.pending:
            row = await self._curated(row, instruction)
        if row.pending and self._options.round_trip:
            row = await self._answered_blindly(row, instruction)
        return [row]

    def _checked(self, row: Row, instruction: str, passage: Passage, examples: Sequence[Row]) -> Row:
        """Drops drafts that fail the rules, before the judge sees them."""
        words = word_count(instruction)
        if words < _FEWEST_WORDS:
            return row.dropped(self._name, BacktranslateReason.TOO_SHORT, f"{words} words")
        if words > _MOST_WORDS:
            return row.dropped(self._name, BacktranslateReason.TOO_LONG, f"{words} words")
        if leaning := leans_on_source(instruction):
            why = f"refers to {leaning!r}, which its reader does not have"
            return row.dropped(self._name, BacktranslateReason.LEANS_ON_SOURCE, why)
        words_of_prompt = leaked(instruction, self._frame, passage.text)
        if repeated := words_of_prompt or copied_example(instruction, examples):
            why = f"repeats what the model was shown: {repeated!r}"
            return row.dropped(self._name, BacktranslateReason.REPEATS_PROMPT, why)
        if not shares_a_word(instruction, f"{passage.heading or ''} {passage.text}"):
            return row.dropped(
                self._name, BacktranslateReason.OFF_TOPIC, "has no word in common with the text"
            )
        return row

    async def _rewritten(self, row: Row, instruction: str, passage: Passage, examples: Sequence[Row]) -> Row:
        values = {"instruction": instruction, "text": passage.text, "examples": as_values(examples)}
        text, answer = await ask_until_served(
            self._writer,
            self._rewrite.render(values),
            self._options.sampling,
            read_text,
            self._options.attempts,
        )
        row = replace(row, conversation=self._conversation(instruction, text)).with_event(
            self._name,
            BacktranslateAction.REWRITTEN,
            before=passage.text,
            prompt=self._rewrite.label,
            request=answer.request.identity,
        )
        if claims := unsupported_claims(text, [passage.heading or "", passage.text, instruction]):
            why = f"not in the text: {claims[0]!r}"
            return row.dropped(self._name, BacktranslateReason.UNSUPPORTED, why)
        return row

    async def _curated(self, row: Row, instruction: str) -> Row:
        if self._judge is None:
            return row
        shown = {"conversation": instruction, "response": row.conversation.answer or ""}
        judgement = await self._judge.score(shown)
        grade, bar = judgement.grades["score"], self._bar
        row = row.with_score("curation", score_of(grade))
        row = judgement.noted(
            row, self._name, BacktranslateAction.CURATED, "score", prompt=self._judge.prompt.label
        )
        if bar is not None and (chance := grade.that(bar.holds)) < LEAST_CHANCE:
            detail = f"P(curation {bar}) = {chance:.2f}, score {score_of(grade):.2f}"
            return row.dropped(self._name, BacktranslateReason.LOW_CURATION, detail)
        return row

    async def _answered_blindly(self, row: Row, instruction: str) -> Row:
        """Answers the instruction without the text, and compares the two answers."""
        options = self._options
        blind, answer = await ask_until_served(
            self._writer, [user_message(instruction)], options.sampling, read_text, options.attempts
        )
        row, agrees = await self._agreeing.judge(
            row,
            row.conversation.answer or "",
            blind,
            noted={"answer": blind, "answer_request": answer.request.identity},
            instruction=instruction,
        )
        if not agrees:
            detail = "without the text it was answered as another question"
            return row.dropped(self._name, BacktranslateReason.ROUND_TRIP, detail)
        return row

    def _conversation(self, instruction: str, text: str) -> Conversation:
        messages = [user_message(instruction), assistant_message(text)]
        if tags := self._options.tags:
            messages.insert(0, system_message(tags.documents))
        return Conversation(messages)


def _read_instruction(reply: Reply) -> str:
    text = bare_request(read_text(reply))
    if not text:
        raise Unusable(ReplyReason.EMPTY, "the answer is empty")
    return text
