"""Rewords requests that share one answer, as in SQLCoder2's training data.

Styles take turns, so that all are used equally often. Rules check what a wording must keep (numbers, names,
negations, quoted text), embeddings check its similarity to the original, and a judge checks the rest. A text
that comes with the request is neither reworded nor compared.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from synth.conversation import Conversation
from synth.llm.base import Json
from synth.row import Row, content_id
from synth.stages.asking import ask_until_served, attributed, made_in
from synth.stages.base import RowMaker
from synth.stages.context import Context
from synth.stages.forecast import MakerForecast, draft_to_come
from synth.stages.judging import PROBE_WORDS, YesNoJudge
from synth.stages.paraphrase.options import SIMILARITY, STYLES, ParaphraseOptions
from synth.stages.paraphrase.reasons import ParaphraseAction, ParaphraseReason
from synth.stages.paraphrase.request_parts import parts_of
from synth.stages.parents import Parents, turn_of
from synth.stages.structured_output import read_text
from synth.stages.transcript import transcript
from synth.text.paraphrase_checks.meaning import changed_meaning
from synth.text.paraphrase_checks.reasons import MeaningReason
from synth.text.similarity.diversity import distinct_n, mean_nearest_similarity
from synth.text.similarity.embedding import comparable, similarity
from synth.text.similarity.unlike import calibrated
from synth.text.tokens import normal_form

# Diversity is measured over at most this number of requests, because the cost is quadratic.
_MEASURED = 5000


@dataclass(frozen=True, slots=True)
class RewordingDraw:
    """A row, the number of this wording of it, and its style."""

    parent: Row
    number: int
    style: str
    language: str | None


class Paraphrase(RowMaker):
    """Rewords every seed and every earlier kept row."""

    version = 2
    preparation = PROBE_WORDS

    def __init__(self, name: str, options: ParaphraseOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        self._writer = context.writer(options)
        judge = context.judge(options.judge)
        self._prompt = context.prompt(options, "reword", ["request", "how", "before", "input"])
        comparing = context.other_prompt("same", ["first", "second"]).answers_with(covered="boolean")
        self._judge = YesNoJudge(
            name,
            judge,
            comparing,
            "covered",
            ParaphraseAction.JUDGED,
            options.judge_sampling,
            options.attempts,
            context.judges,
            both_orders=True,
        )
        self.parents = Parents(options.variants, options.from_)
        self._forms: dict[str, set[str]] = {}
        self._kept: list[str] = []

    @property
    def count(self) -> int | None:
        """The number of wordings that must pass, if the recipe limits it."""
        return self._options.count

    async def prepare(self) -> None:
        """Determines how the judge's answers are read."""
        if self._options.ask_judge:
            await self._judge.prepare()

    def draw(self, index: int) -> RewordingDraw | None:
        """The next row's next wording. Styles continue from row to row, so that all are used even with few
        variants.
        """
        drawn = self.parents.draw(index)
        if drawn is None:
            return None
        parent, number = drawn
        turns = (*self._options.styles, *self._options.languages)
        turn = turn_of(parent, number, len(turns))
        language = turns[turn] if turn >= len(self._options.styles) else None
        return RewordingDraw(parent, number, turns[turn], language)

    async def make(self, index: int, drawn: RewordingDraw) -> list[Row]:
        """The wording, after the checks that depend only on the two texts."""
        parent = drawn.parent
        lineage = replace(parent.lineage, parents=(parent.id,), shots=(), stage=self.name)
        stub = Row(content_id(self.name, parent.id, drawn.number), Conversation(), lineage)
        return await made_in(self._steps(drawn, stub), self.name, stub)

    async def _steps(self, drawn: RewordingDraw, row: Row) -> AsyncIterator[Row]:
        parent = drawn.parent
        said = parent.conversation
        parts = parts_of(said.last_request)
        how = f"in {drawn.language}" if drawn.language else STYLES.get(drawn.style, drawn.style)
        shown = {"request": parts.instruction, "how": how, "input": parts.input}
        # Users do not see the system prompt.
        shown["before"] = transcript([m for m in said.before_last_request if m["role"] != "system"])
        text, answer = await ask_until_served(
            self._writer,
            self._prompt.render(shown),
            self._options.sampling,
            read_text,
            self._options.attempts,
            draw=drawn.number,
        )
        row = replace(
            attributed(row, stage=self.name, prompt=self._prompt, answer=answer),
            id=content_id(self.name, parent.id, answer.request.identity),
            conversation=said.with_last_request(parts.reworded(_unquoted(text, parts.instruction))),
            candidates=parent.candidates,
        ).with_event(self.name, ParaphraseAction.REWORDED, style=drawn.style)
        after = parts.instruction_in(row.conversation.last_request)
        row = self._checked(row, parts.instruction, after, drawn)
        yield row
        if row.pending and self._options.ask_judge:
            yield await self._judged(row, parts.instruction, after)

    def _checked(self, row: Row, before: str, after: str, drawn: RewordingDraw) -> Row:
        """Drops a wording that did not change or that asks for something else, by rules."""
        if normal_form(before) == normal_form(after):
            return row.dropped(self.name, MeaningReason.COPY, "the wording did not change")
        # Names and negations differ in another language, so only the judge can check them there.
        if drawn.language is not None:
            return row
        if changed := changed_meaning(before, after):
            return row.dropped(self.name, *changed)
        # The default bounds are those of English; in other scripts the vectors mean nothing.
        bounds = self._options.similarity
        if not (comparable(before, after) if bounds else calibrated(before, after)):
            return row
        near = similarity(before, after)
        least, most = bounds or SIMILARITY
        # Static vectors do not see the order of the words.
        if drawn.style == "order":
            most = 1.0
        if not least <= round(near, 4) <= most:
            reason = ParaphraseReason.TOO_FAR if near < least else ParaphraseReason.TOO_NEAR
            return row.dropped(self.name, reason, f"similarity {near:.2f}, wanted {least:g} to {most:g}")
        return row

    async def _judged(self, row: Row, before: str, after: str) -> Row:
        row, same = await self._judge.judge(row, before, after)
        if same:
            return row
        why = f"{self._judge.model.model} finds that it asks for something else"
        return row.dropped(self.name, ParaphraseReason.ANOTHER_REQUEST, why)

    def admit(self, index: int, row: Row) -> Row:
        """Drops a wording that equals an earlier one of the same row."""
        forms = self._forms.setdefault(row.lineage.parents[0], set())
        request = row.conversation.prompt_text
        form = normal_form(request)
        if form in forms:
            return row.dropped(self.name, MeaningReason.COPY, "an earlier wording of this row is the same")
        forms.add(form)
        self._kept.append(request)
        return row

    def forecast(self, wanted: int | None, drawn: int) -> MakerForecast:
        """Forecasts a wording and its judgements for each draw."""
        rows = self.parents.rows
        draft = draft_to_come(self.name, candidates=len(rows[-1].candidates) if rows else 0)
        judging = self._judge.most_requests if self._options.ask_judge else 0
        return self.parents.making(wanted, drawn, 1 + judging, draft)

    def report(self) -> Json:
        """The diversity of the requests without and with the wordings."""
        before = [row.conversation.prompt_text for row in self.parents.rows]
        return {"diversity": {"before": _diversity(before), "after": _diversity([*before, *self._kept])}}


def _diversity(requests: Sequence[str]) -> Json:
    texts = requests[:_MEASURED]
    figures = {
        "distinct_1": distinct_n(texts, 1),
        "distinct_2": distinct_n(texts, 2),
        "nearest_similarity": mean_nearest_similarity(texts),
    }
    return {"requests": len(requests), **{k: round(v, 4) for k, v in figures.items()}}


def _unquoted(text: str, request: str) -> str:
    """The answer without the quotation marks that a model adds, if the request has none."""
    if len(text) > 1 and text[0] == text[-1] == '"' and not request.startswith('"'):
        return text[1:-1].strip()
    return text
