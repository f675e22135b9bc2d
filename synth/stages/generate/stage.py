"""Drafts new rows in the style of the seeds: Self-Instruct (https://arxiv.org/abs/2212.10560).

Each request shows a few seeds and, once there are any, a few kept drafts, and asks for one more row as JSON.
A draft is kept if it passes the paper's filters and is not too similar to any seed or kept draft.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from synth.conversation import Conversation, assistant_message, system_message, user_message
from synth.errors import PromptError, SourceError
from synth.llm.base import Json
from synth.reasons import Reason
from synth.row import Lineage, Row, content_id
from synth.stages.asking import attributed, settled
from synth.stages.base import Maker
from synth.stages.context import Context, no_source
from synth.stages.forecast import MakerForecast, Requests, draft_to_come
from synth.stages.generate.few_shot import EvenDraws, ExamplePool
from synth.stages.generate.options import GenerateOptions
from synth.stages.generate.reasons import GenerateReason
from synth.stages.reply_reasons import ReplyReason
from synth.stages.source_items import Seed
from synth.stages.structured_output import ask_for_object
from synth.text.repetition import repeated_share
from synth.text.similarity.novelty import NoveltyIndex
from synth.text.tokens import word_count


@dataclass(frozen=True, slots=True)
class FewShotDraw:
    """The content of one request: examples, the draft's system prompt, and a topic.

    `number` is the request's number, or with a topic, its number among the topic's requests.
    """

    shots: Sequence[Row]
    system: str | None
    topic: str | None
    number: int


class Generate(Maker):
    """Samples few-shot examples from the seeds and from kept drafts, for one draft per request."""

    def __init__(self, name: str, options: GenerateOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        self._window = context.recipe.window
        self._salt = f"{context.recipe.seed}:{name}"
        self._model = context.writer(options)
        self.prompt = context.prompt(options, "self_instruct", ["examples", "system", "topic"])
        self._schema = self.prompt.schema
        self._taxonomy = context.taxonomy
        if self._taxonomy is not None and "topic" not in self.prompt.inputs:
            raise PromptError(
                f"does not take `topic`, which the stage {name!r} is to write on.",
                where=self.prompt.name,
                hint="Add `topic` to its inputs and use it, or put the stage before `topics`.",
            )
        self.prompt.answers_with(instruction="string", response="string")
        self._leaves = EvenDraws(self._salt, self._window)
        self._seeds = ExamplePool()
        self._drafts = ExamplePool()
        self._known = NoveltyIndex(options.novelty)
        for seed in context.seeds:
            self._known.add(seed.row.conversation.prompt_text)
            if _is_single_turn(seed.row):
                self._seeds.add(seed, since=0)
        if not self._seeds.rows:
            if context.seeds:
                raise SourceError(
                    "no seed is a single exchange (a request and its answer).",
                    where="sources.seeds",
                    hint=f"The stage {name!r} shows such seeds as examples.",
                )
            raise no_source(name, "seeds")
        self._filter = InstructionFilter(options, [seed.row.conversation for seed in context.seeds])

    @property
    def count(self) -> int:
        """The number of drafts that must pass the filters."""
        return self._options.count

    def draw(self, index: int) -> FewShotDraw:
        """By default two drafts and six seeds as examples; more seeds as long as there are too few drafts."""
        options = self._options
        topic, number, salt = None, index, self._salt
        if self._taxonomy is not None:
            topic, number = self._leaves.draw(index, self._taxonomy.leaves)
            salt = f"{salt}:{topic}"
        most = min(options.shots_from_drafts, options.shots - 1)
        machine = self._drafts.draw(f"{salt}:machine", number, most, at=index)
        human = self._seeds.draw(salt, number, options.shots - len(machine))
        return FewShotDraw(_interleaved(human, machine), human[0].conversation.system, topic, number)

    async def make(self, index: int, drawn: FewShotDraw) -> list[Row]:
        """Sends one request, with retries if the reply cannot be parsed."""
        shots = tuple(shot.id for shot in drawn.shots)
        lineage = Lineage("seed", shots=shots, stage=self.name, topic=drawn.topic)
        which = (index,) if drawn.topic is None else (drawn.topic, drawn.number)
        row = Row(content_id(self.name, *which), Conversation(), lineage)
        return await settled(self.name, row, self._draft(drawn, row))

    async def _draft(self, drawn: FewShotDraw, row: Row) -> list[Row]:
        examples = [_as_example(row) for row in drawn.shots]
        messages = self.prompt.render(
            {"examples": examples, "system": drawn.system or "", "topic": drawn.topic or ""}
        )
        fields, answer = await ask_for_object(
            self._model,
            messages,
            self._options.sampling,
            self._schema,
            self._options.attempts,
            draw=drawn.number,
        )
        made = replace(
            attributed(row, stage=self.name, prompt=self.prompt, answer=answer),
            id=content_id(self.name, answer.request.identity),
            conversation=_conversation(drawn.system, fields),
        )
        return [made]

    def admit(self, index: int, row: Row) -> Row:
        """Applies the paper's filters, then compares with every seed and every kept draft."""
        request = row.conversation.prompt_text
        if reason := self._filter.reason(request, row.conversation.answer or ""):
            return row.dropped(self.name, *reason)
        if near := self._known.nearest(request):
            return row.dropped(
                self.name, GenerateReason.NOT_NOVEL, f"ROUGE-L {near.score:.2f} with an earlier request"
            )
        self._known.add(request)
        self._drafts.add(Seed(row), since=index + self._window)
        if self._taxonomy is not None:
            self._leaves.kept(index)
        return row

    def forecast(self, wanted: int | None, drawn: int) -> MakerForecast:
        """Forecasts a request for each draft, and for each draft that the filters drop."""
        count = wanted or 0
        return MakerForecast(Requests(count, count, None), count, draft_to_come(self.name))


class InstructionFilter:
    """The filters of Self-Instruct, and a filter for repetitive text. A rule that a seed breaks does not
    apply to drafts.
    """

    def __init__(self, options: GenerateOptions, seeds: Sequence[Conversation]) -> None:
        self._options = options
        requests = [seed.prompt_text for seed in seeds]
        self._keywords = [
            (word, pattern)
            for word, pattern in ((word, _whole_word(word)) for word in options.keywords)
            if not any(pattern.search(request) for request in requests)
        ]
        self._any_start = any(_starts_oddly(request) for request in requests)
        self._any_length = max((word_count(request) for request in requests), default=0)
        self._shortest = min((word_count(request) for request in requests), default=options.min_words)
        loops = [repeated_share(text) for seed in seeds for text in (seed.prompt_text, seed.answer or "")]
        self._most_repeated = max([options.repeated, *loops])

    def reason(self, instruction: str, response: str) -> tuple[Reason, str] | None:
        """The reason and the message for dropping a draft, or None."""
        return self._of_instruction(instruction) or self._of_response(instruction, response)

    def _of_instruction(self, instruction: str) -> tuple[Reason, str] | None:
        words = word_count(instruction)
        if words < min(self._options.min_words, self._shortest):
            return GenerateReason.TOO_SHORT, f"{words} words"
        if words > max(self._options.max_words, self._any_length):
            return GenerateReason.TOO_LONG, f"{words} words"
        for word, pattern in self._keywords:
            if pattern.search(instruction):
                return GenerateReason.KEYWORD, f"asks for what a text model cannot do: {word!r}"
        if not self._any_start and _starts_oddly(instruction):
            return GenerateReason.ODD_START, f"begins with {instruction[0]!r}"
        if instruction.startswith("Write a program"):
            return GenerateReason.PROGRAM, "begins with 'Write a program'"
        return self._loop(instruction)

    def _of_response(self, instruction: str, response: str) -> tuple[Reason, str] | None:
        if not response.strip():
            return ReplyReason.EMPTY, "the answer is empty"
        if response.strip() == instruction.strip():
            return GenerateReason.ECHO, "the answer repeats the request"
        if response.rstrip().endswith(":"):
            return GenerateReason.UNFINISHED, "the answer ends with a colon"
        return self._loop(response)

    def _loop(self, text: str) -> tuple[Reason, str] | None:
        share = repeated_share(text)
        if share > self._most_repeated:
            return GenerateReason.LOOPING, f"{share:.0%} of its runs of four words stand in it before"
        return None


def _conversation(system: str | None, fields: Json) -> Conversation:
    request, response = (str(fields[key]).strip() for key in ("instruction", "response"))
    messages = [user_message(request), assistant_message(response)]
    return Conversation([system_message(system), *messages] if system else messages)


def _as_example(row: Row) -> str:
    """The example as JSON in the format of the reply, without ASCII escapes."""
    said = row.conversation
    return orjson.dumps({"instruction": said.prompt_text, "response": said.answer}).decode()


def _interleaved(human: Sequence[Row], machine: Sequence[Row]) -> list[Row]:
    """The examples in the order of the draw, with drafts spread among the seeds."""
    shots = list(human)
    for place, row in enumerate(machine, start=1):
        shots.insert(place * len(human) // (len(machine) + 1) + place - 1, row)
    return shots


def _is_single_turn(row: Row) -> bool:
    roles = [message["role"] for message in row.conversation.messages]
    return roles in (["user", "assistant"], ["system", "user", "assistant"]) and bool(row.conversation.answer)


def _whole_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)


def _starts_oddly(text: str) -> bool:
    return bool(text) and (text[0] in string.punctuation or not text[0].isascii())
