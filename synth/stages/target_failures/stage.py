"""Drafts rows against the failures of a model: LLM2LLM (https://arxiv.org/abs/2403.15042).

Similar failures form a pattern, which a model names. New rows are made only from real failures and never from
drafts, so that errors do not accumulate. Each failure gets the same number of new rows, so patterns grow in
proportion to their frequency. A failed request with its correct answer is also a row, with the bad answer as
the rejected one. No prompt for an answer shows the bad one. An answer that the writer does not know, or that
the documents do not support, is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import shorten

from synth.conversation import Conversation, assistant_message, content_of, user_message
from synth.frozen import FrozenJson
from synth.llm.base import Json, Reply, RequestFailed
from synth.llm.model import Completion
from synth.prompts import Prompt
from synth.row import PATTERN, Candidate, Lineage, Row, content_id
from synth.stable_hash import rank
from synth.stages.asking import Unusable, ask_until_served, attributed, settled
from synth.stages.base import Maker
from synth.stages.context import Context, no_source
from synth.stages.evidence import Evidence, check_shown, is_unknown
from synth.stages.forecast import MakerForecast, Requests, draft_to_come
from synth.stages.reply_reasons import ReplyReason
from synth.stages.source_items import KnownFailure
from synth.stages.structured_output import ask_for_object, read_text, reads_object
from synth.stages.target_failures.options import TargetFailuresOptions
from synth.stages.target_failures.reasons import TargetFailuresAction, TargetFailuresReason
from synth.stages.transcript import transcript
from synth.text.grounding import unsupported_claims
from synth.text.similarity.novelty import NoveltyIndex
from synth.text.similarity.unlike import likeness
from synth.text.tokens import normal_form

# The number of failures in the request that names a pattern.
_SHOWN = 4

# Characters. A pattern without a name from the model is named after the beginning of its first request.
_LONGEST_NAME = 80

# Maximum requests per new row of a failure, because some failures yield nothing new.
_TRIES = 4

# Passages in one prompt.
_PASSAGES = 3

# Messages of a drafted conversation. Longer ones lose their thread.
_MOST_TURNS = 9


@dataclass(frozen=True, slots=True)
class FailureDraw:
    """A failure, and the number of its new row. None means the failure itself with a correct answer."""

    failure: KnownFailure
    number: int | None


class TargetFailures(Maker):
    """Makes rows from known failures."""

    version = 2
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
        inputs = ["pattern", "prompt", "response", "problem", "expected", "system", "passages"]
        self._prompt = context.prompt(options, "draft", inputs)
        self._prompt.answers_with(instruction="string", response="string")
        self._turns_prompt = context.other_prompt("draft_conversation", [*inputs, "turns"])
        self._turns_prompt.answers_with(messages="array", response="string")
        self._naming = context.other_prompt("name", ["failures"])
        self._naming.answers_with(pattern="string")
        self._correct = context.other_prompt("correct", inputs)
        self._evidence = Evidence(name, options, context)
        self.files = self._evidence.files
        if self._evidence:
            check_shown(self._prompt, name)
        self._patterns: dict[str, str] = {}
        self._known = NoveltyIndex(options.novelty)
        for text in [seed.row.conversation.prompt_text for seed in context.seeds] + [
            _prompt(f) for f in self._failures
        ]:
            self._known.add(text)
        if unanswered := [f for f in self._failures if f.expected is None]:
            self._warn_of(unanswered, len(self._failures))

    def _warn_of(self, unanswered: Sequence[KnownFailure], count: int) -> None:
        """Says where right answers come from that people did not give."""
        if self._options.pairs and not self._evidence:
            self._warn(
                f"{self.name}: {len(unanswered)} of {count} failures have no `expected` answer, and the"
                " writer sees no documents: set `context: documents` or `facts`, or give the right answers."
            )
        if same := sum(failure.model == self._writer.model for failure in unanswered):
            self._warn(
                f"{self.name}: {same} failures without an `expected` answer are those of"
                f" {self._writer.model}, which is the writer, too; name another model, or give the right"
                " answers."
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
        labels = {PATTERN: self._patterns[failure.id]}
        key = content_id(self.name, failure.id, drawn.number)
        row = Row(key, Conversation(), lineage, labels=labels)
        making = self._pair(failure, row) if drawn.number is None else self._new(failure, drawn.number, row)
        return await settled(self.name, row, making)

    async def _pair(self, failure: KnownFailure, row: Row) -> list[Row]:
        """The failure with the right answer that people gave, or with one by the writer."""
        rejected = Candidate(failure.response, source="failure", model=failure.model)
        row = replace(row, candidates=(rejected,))
        if failure.expected is None:
            row = await self._corrected(failure, row)
        else:
            row = _answered(row, failure, failure.expected)
        if row.pending and normal_form(row.conversation.answer or "") == normal_form(failure.response):
            why = "the answer is the one that was wrong"
            row = row.dropped(self.name, TargetFailuresReason.BAD_ANSWER, why)
        return [row]

    async def _corrected(self, failure: KnownFailure, row: Row) -> Row:
        row, texts = self._shown(failure, 0, row)
        text, answer = await ask_until_served(
            self._writer,
            self._correct.render(self._values(failure, texts)),
            self._options.sampling,
            read_text,
            self._options.attempts,
        )
        row = attributed(row, stage=self.name, prompt=self._correct, answer=answer)
        row = _answered(row, failure, text)
        if is_unknown(text):
            why = f"{self._writer.model} does not know the right answer"
            return row.dropped(self.name, TargetFailuresReason.UNKNOWN, why)
        return self._supported(row, failure, texts)

    async def _new(self, failure: KnownFailure, number: int, row: Row) -> list[Row]:
        row, texts = self._shown(failure, number, row)
        values = {"pattern": self._patterns[failure.id], **self._values(failure, texts)}
        turns = len(_turns_of(failure))
        if turns > 1:
            values["turns"] = min(max(3, turns - (turns + 1) % 2), _MOST_TURNS)
        prompt = self._prompt if turns == 1 else self._turns_prompt
        said, answer = await self._drafted(prompt, values, number)
        system = [m for m in failure.messages[:1] if m["role"] == "system"]
        made = replace(
            attributed(row, stage=self.name, prompt=prompt, answer=answer),
            id=content_id(self.name, answer.request.identity),
            conversation=Conversation((*system, *said)),
        )
        return [self._supported(made, failure, texts)]

    async def _drafted(
        self, prompt: Prompt, values: Json, number: int
    ) -> tuple[Sequence[FrozenJson], Completion]:
        """A new conversation, from its first request to its answer."""
        as_object = reads_object(prompt.schema)

        def read(reply: Reply) -> Sequence[FrozenJson]:
            fields = as_object(reply)
            said = fields["messages"] if "messages" in fields else [fields["instruction"]]
            if len(said) % 2 == 0 or (len(said) > 1 and not all(map(str.strip, said))):
                why = f"{len(said)} messages, of which the first and the last must be the user's"
                raise Unusable(ReplyReason.OFF_SCHEMA, why)
            kinds = (user_message, assistant_message)
            return [kinds[i % 2](text.strip()) for i, text in enumerate([*said, fields["response"]])]

        return await ask_until_served(
            self._writer,
            prompt.render(values),
            self._options.sampling,
            read,
            self._options.attempts,
            schema=prompt.schema,
            draw=number,
        )

    def _shown(self, failure: KnownFailure, number: int, row: Row) -> tuple[Row, list[str]]:
        """The evidence for a failure, and the row with it in its history."""
        passages = self._evidence.passages_for(_prompt(failure), number, _PASSAGES)
        texts = self._evidence.all_texts(passages)
        row = replace(row, lineage=replace(row.lineage, shots=tuple(p.id for p in passages)))
        if not texts:
            return row, texts
        return row.with_event(self.name, TargetFailuresAction.SHOWN, source="\n\n".join(texts)), texts

    def _values(self, failure: KnownFailure, texts: Sequence[str]) -> Json:
        system = next((content_of(m) for m in failure.messages[:1] if m["role"] == "system"), "")
        return {**_values(failure), "system": system, "passages": texts}

    def _supported(self, row: Row, failure: KnownFailure, texts: Sequence[str]) -> Row:
        """The row, dropped if its answer states something that the evidence and the failure do not hold."""
        if not texts:
            return row
        known = [content_of(m) for m in (*failure.messages, *row.conversation.prompt)]
        evidence = [*texts, *known, failure.problem or "", failure.expected or ""]
        if claims := unsupported_claims(row.conversation.answer or "", evidence):
            why = f"not in the evidence: {claims[0]!r}"
            return row.dropped(self.name, TargetFailuresReason.UNSUPPORTED, why)
        return row

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


def _answered(row: Row, failure: KnownFailure, text: str) -> Row:
    return replace(row, conversation=Conversation((*failure.messages, assistant_message(text))))


def _turns_of(failure: KnownFailure) -> list[FrozenJson]:
    return [message for message in failure.messages if message["role"] != "system"]


def _values(failure: KnownFailure) -> dict[str, str]:
    return {
        "prompt": transcript(_turns_of(failure)),
        "response": failure.response,
        "problem": failure.problem or "",
        "expected": failure.expected or "",
    }


def _prompt(failure: KnownFailure) -> str:
    return "\n".join(content_of(m) for m in _turns_of(failure))
