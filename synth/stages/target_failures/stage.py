"""Drafts rows against the failures of a model: LLM2LLM (https://arxiv.org/abs/2403.15042).

Similar failures form a pattern, which a model names. New rows are made only from real failures and never from
drafts, so that errors do not accumulate. Each failure gets the same number of new rows, so patterns grow in
proportion to their frequency. A failed request with its correct answer is also a row, with the bad answer as
the rejected one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import shorten

from synth.conversation import Conversation, assistant_message, content_of, user_message
from synth.llm.base import Json, RequestFailed
from synth.row import Candidate, Lineage, Row, content_id
from synth.stable_hash import rank
from synth.stages.asking import Unusable, ask_until_served, attributed, settled
from synth.stages.base import Maker
from synth.stages.context import Context, no_source
from synth.stages.forecast import MakerForecast, Requests, draft_to_come
from synth.stages.reply_reasons import ReplyReason
from synth.stages.source_items import KnownFailure
from synth.stages.structured_output import ask_for_object, read_text
from synth.stages.target_failures.options import TargetFailuresOptions
from synth.stages.target_failures.reasons import TargetFailuresReason
from synth.stages.transcript import transcript
from synth.text.similarity.novelty import NoveltyIndex
from synth.text.similarity.unlike import likeness

# The number of failures in the request that names a pattern.
_SHOWN = 4

# Characters. A pattern without a name from the model is named after the beginning of its first request.
_LONGEST_NAME = 80

# Maximum requests per new row of a failure, because some failures yield nothing new.
_TRIES = 4


@dataclass(frozen=True, slots=True)
class FailureDraw:
    """A failure, and the number of its new row. None means the failure itself with a correct answer."""

    failure: KnownFailure
    number: int | None


class TargetFailures(Maker):
    """Makes rows from known failures."""

    preparation = "a name for each pattern of failures"

    def __init__(self, name: str, options: TargetFailuresOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        self._warn = context.warn
        if not context.failures:
            raise no_source(name, "failures")
        salt = f"{context.recipe.seed}:{name}"
        self._failures = sorted(context.failures, key=lambda failure: rank(salt, failure.id))
        self._writer = context.writer(options)
        inputs = ["pattern", "prompt", "response", "problem", "expected"]
        self._prompt = context.prompt(options, "draft", inputs)
        self._prompt.answers_with(instruction="string", response="string")
        self._naming = context.other_prompt("name", ["failures"])
        self._naming.answers_with(pattern="string")
        self._correct = context.other_prompt("correct", ["prompt", "response", "problem"])
        self._patterns: dict[str, str] = {}
        self._known = NoveltyIndex(options.novelty)
        for text in [seed.row.conversation.prompt_text for seed in context.seeds] + [
            _prompt(f) for f in self._failures
        ]:
            self._known.add(text)
        same = sum(f.model == self._writer.model and f.expected is None for f in self._failures)
        if same:
            context.warn(
                f"{name}: {same} failures without an `expected` answer are those of {self._writer.model},"
                " which is the writer, too; name another model, or give the right answers."
            )

    @property
    def count(self) -> int:
        """The number of drafts that must pass: by default the failures themselves and `each` new rows per
        failure.
        """
        return self._options.count or len(self._failures) * (self._options.each + self._options.pairs)

    async def prepare(self) -> None:
        """Groups failures into patterns, and requests a name for each."""
        for group in group_alike(self._failures, self._options.min_similarity):
            name = await self._name_of(group)
            for failure in group:
                self._patterns[failure.id] = name

    async def _name_of(self, group: Sequence[KnownFailure]) -> str:
        """The model's name for a pattern, or people's note on its first failure if there is none."""
        shown = [_values(failure) for failure in group[:_SHOWN]]
        try:
            found, _ = await ask_for_object(
                self._writer,
                self._naming.render({"failures": shown}),
                self._options.sampling,
                self._naming.schema,
                self._options.attempts,
            )
        except (Unusable, RequestFailed) as error:
            self._warn(f"{self.name}: {self._writer.model} finds no name for a pattern: {error}")
            return group[0].problem or shorten(_prompt(group[0]), _LONGEST_NAME, placeholder="...")
        return str(found["pattern"]).strip()

    @property
    def _turns(self) -> int:
        """The maximum number of requests for new rows per failure."""
        return max(self._options.each, -(-self.count // len(self._failures))) * _TRIES

    def draw(self, index: int) -> FailureDraw | None:
        """The failures themselves first, then each in turn, more often than the number of wanted rows."""
        pairs = len(self._failures) if self._options.pairs else 0
        if index < pairs:
            return FailureDraw(self._failures[index], None)
        turn, place = divmod(index - pairs, len(self._failures))
        return FailureDraw(self._failures[place], turn) if turn < self._turns else None

    async def make(self, index: int, drawn: FailureDraw) -> list[Row]:
        """Makes the failure with a correct answer, or one new row like it."""
        failure = drawn.failure
        lineage = Lineage("failure", parents=(failure.id,), stage=self.name)
        labels = {"pattern": self._patterns[failure.id]}
        key = content_id(self.name, failure.id, drawn.number)
        row = Row(key, Conversation(), lineage, labels=labels)
        making = self._pair(failure, row) if drawn.number is None else self._new(failure, drawn.number, row)
        return await settled(self.name, row, making)

    async def _pair(self, failure: KnownFailure, row: Row) -> list[Row]:
        text = failure.expected
        if text is None:
            values = {key: value for key, value in _values(failure).items() if key != "expected"}
            corrected, answer = await ask_until_served(
                self._writer,
                self._correct.render(values),
                self._options.sampling,
                read_text,
                self._options.attempts,
            )
            row, text = attributed(row, stage=self.name, prompt=self._correct, answer=answer), corrected
        conversation = Conversation((*failure.messages, assistant_message(text)))
        rejected = Candidate(failure.response, source="failure", model=failure.model)
        return [replace(row, conversation=conversation, candidates=(rejected,))]

    async def _new(self, failure: KnownFailure, number: int, row: Row) -> list[Row]:
        values = {"pattern": self._patterns[failure.id], **_values(failure)}
        fields, answer = await ask_for_object(
            self._writer,
            self._prompt.render(values),
            self._options.sampling,
            self._prompt.schema,
            self._options.attempts,
            draw=number,
        )
        system = [m for m in failure.messages[:1] if m["role"] == "system"]
        request, response = (str(fields[key]).strip() for key in ("instruction", "response"))
        made = replace(
            attributed(row, stage=self.name, prompt=self._prompt, answer=answer),
            id=content_id(self.name, answer.request.identity),
            conversation=Conversation((*system, user_message(request), assistant_message(response))),
        )
        return [made]

    def admit(self, index: int, row: Row) -> Row:
        """Drops new rows that are not new or that have the bad answer. The failures themselves pass."""
        if row.candidates:
            return row
        bad = next(f.response for f in self._failures if f.id in row.lineage.parents)
        request, answer = row.conversation.prompt_text, row.conversation.answer
        if not request or not answer:
            return row.dropped(self.name, ReplyReason.EMPTY, "the request or the answer is empty")
        if answer.strip() == bad.strip():
            return row.dropped(
                self.name, TargetFailuresReason.BAD_ANSWER, "the answer is the one that was wrong"
            )
        if near := self._known.nearest(request):
            return row.dropped(
                self.name, TargetFailuresReason.NOT_NOVEL, f"ROUGE-L {near.score:.2f} with an earlier request"
            )
        self._known.add(request)
        return row

    def forecast(self, wanted: int | None, drawn: int) -> MakerForecast:
        """Forecasts an answer per failure without an expected one, and a request per new row."""
        pairs = self._failures[drawn:] if self._options.pairs else []
        drafts = (self.count if wanted is None else wanted) or 0
        pairs = pairs[:drafts]
        asked = sum(failure.expected is None for failure in pairs)
        left = self._turns * len(self._failures) - max(0, drawn - len(self._failures))
        new = min(drafts - len(pairs), left)
        requests = Requests.exactly(asked) + Requests(new, new, left)
        return MakerForecast(requests, len(pairs) + new, draft_to_come(self.name, "failure"))

    def report(self) -> Json:
        """The number of failures per pattern."""
        patterns: dict[str, int] = {}
        for failure in self._failures:
            name = self._patterns.get(failure.id, "")
            patterns[name] = patterns.get(name, 0) + 1
        return {"patterns": patterns}


def group_alike(failures: Sequence[KnownFailure], alike: float) -> list[list[KnownFailure]]:
    """Groups failures by the note on what is wrong (or by the request if there is none).

    Each failure joins the first group whose first member is similar enough.
    """
    groups: list[list[KnownFailure]] = []
    for failure in failures:
        text = failure.problem or _prompt(failure)
        for group in groups:
            if likeness(text, group[0].problem or _prompt(group[0])) >= alike:
                group.append(failure)
                break
        else:
            groups.append([failure])
    return groups


def _values(failure: KnownFailure) -> dict[str, str]:
    return {
        "prompt": transcript(failure.messages),
        "response": failure.response,
        "problem": failure.problem or "",
        "expected": failure.expected or "",
    }


def _prompt(failure: KnownFailure) -> str:
    return "\n".join(content_of(m) for m in failure.messages if m["role"] != "system")
