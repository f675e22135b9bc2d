"""Makes existing requests harder or rarer: Evol-Instruct (https://arxiv.org/abs/2304.12244).

Four operations add depth and one adds breadth; they take turns. The paper's four rules eliminate failed
evolutions: no information gain, an apology as answer, an empty answer, or a request that repeats words of its
own prompt. The released code lacks these rules.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from synth.conversation import Conversation, content_of, user_message
from synth.row import Lineage, Row, content_id
from synth.stages.asking import ask_until_served, attributed, made_in
from synth.stages.base import RowMaker
from synth.stages.context import Context
from synth.stages.evolve.options import EVOL_BREADTH, EVOL_DEPTH, EVOL_SORRY_WORDS, EvolveOptions
from synth.stages.evolve.reasons import EvolveAction, EvolveReason
from synth.stages.forecast import MakerForecast, draft_to_come
from synth.stages.judging import YesNoJudge
from synth.stages.parents import Parents, turn_of
from synth.stages.structured_output import read_text
from synth.text.tokens import normal_form, rouge_tokens

# Phrases of the evolution prompt that must not be in a request (rule 4).
_LEAKED = re.compile(
    r"\b(?:given|rewritten|created|new|original|#\s*\w+)\s+(?:prompt|request)\b|more demanding", re.IGNORECASE
)

# Words without content (rule 3).
_STOPWORDS = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "for", "from", "has", "have"),
        *("i", "if", "in", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "so", "that", "the"),
        *("their", "there", "they", "this", "to", "was", "we", "were", "what", "will", "with", "yes", "you"),
    )
)


@dataclass(frozen=True, slots=True)
class EvolveDraw:
    """A row, the number of this evolution of it, and the operation."""

    parent: Row
    number: int
    operation: str


class Evolve(RowMaker):
    """Evolves every seed and every earlier kept row that is a single exchange."""

    def __init__(self, name: str, options: EvolveOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        self._writer = context.writer(options)
        judge = context.judge(options.judge)
        self._depth = context.prompt(options, "depth", ["request", "how"])
        self._breadth = context.other_prompt("breadth", ["request"])
        comparing = context.other_prompt("equal", ["first", "second"]).answers_with(equal="boolean")
        self._judge = YesNoJudge(
            name, judge, comparing, "equal", EvolveAction.JUDGED, options.judge_sampling, options.attempts
        )
        self.parents = Parents(options.variants, options.from_, _is_single)

    @property
    def count(self) -> int | None:
        """The number of evolved rows that must pass, if the recipe limits it."""
        return self._options.count

    def draw(self, index: int) -> EvolveDraw | None:
        """The next row and operation. Operations continue from row to row, so that all are used equally
        often.
        """
        drawn = self.parents.draw(index)
        if drawn is None:
            return None
        parent, number = drawn
        operations = self._options.operations
        return EvolveDraw(parent, number, operations[turn_of(parent, number, len(operations))])

    async def make(self, index: int, drawn: EvolveDraw) -> list[Row]:
        """Sends three requests: the evolved request, a judgement of the gain, and the answer."""
        parent = drawn.parent
        topic = None if drawn.operation == EVOL_BREADTH else parent.lineage.topic
        lineage = Lineage(parent.lineage.origin, parents=(parent.id,), stage=self.name, topic=topic)
        stub = Row(content_id(self.name, parent.id, drawn.number), Conversation(), lineage)
        return await made_in(self._steps(drawn, stub), self.name, stub)

    async def _steps(self, drawn: EvolveDraw, row: Row) -> AsyncIterator[Row]:
        messages = drawn.parent.conversation.messages
        system = [m for m in messages if m["role"] == "system"]
        before = content_of(next(m for m in messages if m["role"] == "user"))
        prompt = self._breadth if drawn.operation == EVOL_BREADTH else self._depth
        how = EVOL_DEPTH.get(drawn.operation, "")
        after, answer = await ask_until_served(
            self._writer,
            prompt.render({"request": before, "how": how}),
            self._options.sampling,
            read_text,
            self._options.attempts,
            draw=drawn.number,
        )
        row = replace(
            attributed(row, stage=self.name, prompt=prompt, answer=answer),
            id=content_id(self.name, drawn.parent.id, answer.request.identity),
            conversation=Conversation((*system, user_message(after))),
        ).with_event(self.name, EvolveAction.EVOLVED, operation=drawn.operation)
        row = self._checked(row, before, after)
        yield row
        if row.pending and self._options.ask_judge:
            row = await self._judged(row, before, after)
            yield row
        if row.pending:
            yield await self._answered(row)

    def _checked(self, row: Row, before: str, after: str) -> Row:
        if leaked := _LEAKED.search(after):
            return row.dropped(self.name, EvolveReason.LEAKED, f"speaks of the prompt: {leaked[0]!r}")
        if normal_form(after) == normal_form(before):
            return row.dropped(self.name, EvolveReason.NO_GAIN, "the request did not change")
        return row

    async def _judged(self, row: Row, before: str, after: str) -> Row:
        row, equal = await self._judge.judge(row, before, after)
        if not equal:
            return row
        return row.dropped(
            self.name, EvolveReason.NO_GAIN, f"{self._judge.model.model} finds both requests equal"
        )

    async def _answered(self, row: Row) -> Row:
        asked = row.conversation.messages
        text, answer = await ask_until_served(
            self._writer, asked, self._options.sampling, read_text, self._options.attempts
        )
        row = row.with_reply(text).with_event(
            self.name, EvolveAction.ANSWERED, request=answer.request.identity
        )
        words = rouge_tokens(text)
        if "sorry" in words and len(words) < EVOL_SORRY_WORDS:
            return row.dropped(self.name, EvolveReason.SORRY, f"an apology of {len(words)} words")
        if not set(words) - _STOPWORDS:
            return row.dropped(
                self.name, EvolveReason.SAYS_NOTHING, "the answer is punctuation and stopwords"
            )
        return row

    def forecast(self, wanted: int | None, drawn: int) -> MakerForecast:
        """Forecasts the evolved request, the judgement and the answer of each draw."""
        draft = draft_to_come(self.name)
        return self.parents.making(wanted, drawn, 2 + self._options.ask_judge, draft)


def _is_single(row: Row) -> bool:
    roles: Sequence[str] = [m["role"] for m in row.conversation.messages if m["role"] != "system"]
    return roles in (["user"], ["user", "assistant"])
