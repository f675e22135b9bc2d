"""Makes existing requests harder or rarer: Evol-Instruct (https://arxiv.org/abs/2304.12244).

Four operations add depth and one adds breadth; they take turns. The paper's four rules eliminate failed
evolutions: no information gain, an apology as answer, an empty answer, or a request that repeats words of its
own prompt. The released code lacks these rules.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from synth.conversation import Conversation, content_of, user_message
from synth.llm.base import Reply
from synth.prompts import Prompt
from synth.row import Lineage, Row, content_id
from synth.stages.asking import ask_until_served, attributed, made_in
from synth.stages.base import RowMaker
from synth.stages.context import Context
from synth.stages.evidence import Evidence, check_shown, is_unknown
from synth.stages.evolve.options import EVOL_BREADTH, EVOL_DEPTH, EVOL_SORRY_WORDS, EvolveOptions
from synth.stages.evolve.reasons import EvolveAction, EvolveReason
from synth.stages.forecast import MakerForecast, Requests, draft_to_come
from synth.stages.judging import PROBE_WORDS, YesNoJudge
from synth.stages.parents import Parents, turn_of
from synth.stages.structured_output import read_text
from synth.text.apologies import apologises
from synth.text.grounding import unsupported_claims
from synth.text.leaked_requests import bare_request, leaked
from synth.text.lexicon import words_of
from synth.text.tokens import normal_form, rouge_tokens, word_count

# Passages in the prompt of one request.
_SHOWN = 3

# Words without content (rule 3), with those of the lexicons.
_STOPWORDS = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "for", "from", "has", "have"),
        *("i", "if", "in", "is", "it", "its", "me", "my", "not", "of", "on", "or", "so", "that", "the"),
        *("their", "there", "they", "this", "to", "was", "we", "were", "what", "will", "with", "you"),
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

    version = 2
    preparation = PROBE_WORDS

    def __init__(self, name: str, options: EvolveOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        self._writer = context.writer(options)
        judge = context.judge(options.judge)
        inputs = ["request", "system", "passages"]
        self._depth = context.prompt(options, "depth", [*inputs, "how"])
        self._breadth = context.other_prompt("breadth", inputs)
        self._answer = context.other_prompt("answer", inputs)
        self._evidence = Evidence(name, options, context)
        self.files = self._evidence.files
        if self._evidence:
            check_shown(self._depth, name)
        comparing = context.other_prompt("equal", ["first", "second"]).answers_with(equal="boolean")
        self._judge = YesNoJudge(
            name,
            judge,
            comparing,
            "equal",
            EvolveAction.JUDGED,
            options.judge_sampling,
            options.attempts,
            context.judges,
            both_orders=True,
        )
        self.parents = Parents(options.variants, options.from_, _is_single)
        # Where the seeds apologise, an apology is the style of the house, and no sign of a refusal.
        self._eliminates_apologies = not any(_short_apology(seed.row.conversation) for seed in context.seeds)

    async def prepare(self) -> None:
        """Determines how the judge's answers are read."""
        if self._options.ask_judge:
            await self._judge.prepare()

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
        said = drawn.parent.conversation
        before = said.last_request
        passages = self._evidence.passages_for(before, drawn.number, _SHOWN)
        texts = self._evidence.all_texts(passages)
        prompt = self._breadth if drawn.operation == EVOL_BREADTH else self._depth
        how = EVOL_DEPTH.get(drawn.operation, "")
        values = {"request": before, "how": how, "system": said.system or "", "passages": texts}
        after, answer = await ask_until_served(
            self._writer,
            prompt.render(values),
            self._options.sampling,
            _read_request,
            self._options.attempts,
            draw=drawn.number,
        )
        system = [m for m in said.messages if m["role"] == "system"]
        row = replace(
            attributed(row, stage=self.name, prompt=prompt, answer=answer),
            id=content_id(self.name, drawn.parent.id, answer.request.identity),
            conversation=Conversation((*system, user_message(after))),
        )
        row = replace(row, lineage=replace(row.lineage, shots=tuple(p.id for p in passages)))
        shown = {"source": "\n\n".join(texts)} if texts else {}
        row = row.with_event(self.name, EvolveAction.EVOLVED, operation=drawn.operation, **shown)
        row = self._checked(row, before, after, frame_of(prompt, how))
        yield row
        if row.pending and self._options.ask_judge:
            row = await self._judged(row, before, after)
            yield row
        if row.pending and self._options.answers_:
            yield await self._answered(row, texts)

    def _checked(self, row: Row, before: str, after: str, frame: str) -> Row:
        if words := leaked(after, frame, before):
            return row.dropped(self.name, EvolveReason.LEAKED, f"speaks of the prompt: {words!r}")
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

    async def _answered(self, row: Row, texts: Sequence[str]) -> Row:
        """The row with its answer: as the production assistant answers, or from `texts` alone."""
        said = row.conversation
        values = {"request": said.last_request, "system": said.system or "", "passages": texts}
        text, answer = await ask_until_served(
            self._writer,
            self._answer.render(values) if texts else said.messages,
            self._options.sampling,
            read_text,
            self._options.attempts,
        )
        row = row.with_reply(text).with_event(
            self.name, EvolveAction.ANSWERED, request=answer.request.identity
        )
        row = self._eliminated(row, text)
        return self._supported(row, text, texts) if row.pending and texts else row

    def _eliminated(self, row: Row, text: str) -> Row:
        if self._eliminates_apologies and _short_apology(row.conversation):
            return row.dropped(self.name, EvolveReason.SORRY, f"an apology of {word_count(text)} words")
        if not set(rouge_tokens(text)) - _STOPWORDS - (words_of("function_words") - {"no"}):
            return row.dropped(
                self.name, EvolveReason.SAYS_NOTHING, "the answer is punctuation and stopwords"
            )
        return row

    def _supported(self, row: Row, text: str, texts: Sequence[str]) -> Row:
        if is_unknown(text):
            why = "the writer does not find the answer in what it was shown"
            return row.dropped(self.name, EvolveReason.UNKNOWN, why)
        said = row.conversation
        if claims := unsupported_claims(text, [*texts, said.last_request, said.system or ""]):
            return row.dropped(self.name, EvolveReason.UNSUPPORTED, f"not in the evidence: {claims[0]!r}")
        return row

    def forecast(self, wanted: int | None, drawn: int) -> MakerForecast:
        """Forecasts the evolved request, the judgement and the answer of each draw."""
        answers, asks_judge = self._options.answers_, self._options.ask_judge
        draft = draft_to_come(self.name, answered=answers)
        made = self.parents.making(wanted, drawn, 1 + asks_judge + answers, draft)
        if answers or not asks_judge:
            return made
        # A request without gain is judged twice. With `answers`, it needs no answer instead.
        twice = Requests(0, 0, max(0, self.parents.available - drawn))
        return replace(made, requests=made.requests + twice)


def _read_request(reply: Reply) -> str:
    return bare_request(read_text(reply))


def frame_of(prompt: Prompt, how: str) -> str:
    """The prompt without the request: the words that must not be in the new one."""
    messages = prompt.render({"request": "", "how": how, "system": "", "passages": []})
    return "\n".join(content_of(message) for message in messages)


def _short_apology(said: Conversation) -> bool:
    answer = said.answer or ""
    return word_count(answer) < EVOL_SORRY_WORDS and apologises(answer)


def _is_single(row: Row) -> bool:
    roles: Sequence[str] = [m["role"] for m in row.conversation.messages if m["role"] != "system"]
    return roles in (["user"], ["user", "assistant"])
