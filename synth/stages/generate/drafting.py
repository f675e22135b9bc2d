"""Asks for drafts: a request with its answer, or several requests alone."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from synth.conversation import Conversation, assistant_message, system_message, user_message
from synth.errors import PromptError
from synth.frozen import FrozenJson
from synth.llm.base import Json
from synth.llm.model import Completion
from synth.prompts import Prompt
from synth.row import VARIED, Row, content_id
from synth.stages.asking import ask_until_served, attributed
from synth.stages.context import Context
from synth.stages.evidence import Evidence
from synth.stages.generate.filters import request_of
from synth.stages.generate.options import GenerateOptions
from synth.stages.generate.reasons import GenerateReason
from synth.stages.generate.variety import words_of
from synth.stages.reply_reasons import ReplyReason
from synth.stages.source_items import Passage
from synth.stages.structured_output import reads_object
from synth.stages.transcript import transcript
from synth.text.grounding import listed

_INPUTS = ("examples", "conversations", "system", "topic", "wanted", "passages", "facts")


@dataclass(frozen=True, slots=True)
class FewShotDraw:
    """The content of one request: examples, a topic, passages, and the values of `vary` for each draft.

    `number` is the request's number among those with this topic, or else with these passages.
    """

    shots: Sequence[Row]
    topic: str | None
    passages: Sequence[Passage]
    number: int
    wanted: Sequence[Mapping[str, str]]


class Drafting:
    """The prompt of a `generate` stage, and the rows of its replies. Every row has the same system prompt."""

    def __init__(
        self, name: str, options: GenerateOptions, context: Context, evidence: Evidence, system: str | None
    ) -> None:
        self._name = name
        self._options = options
        self._evidence = evidence
        self._system = system
        self._model = context.writer(options)
        self.each = options.drafts_each
        default = "self_instruct" if options.answers_ else "requests"
        inputs = _INPUTS if options.answers_ else (*_INPUTS, "count")
        self.prompt = context.prompt(options, default, inputs)
        self._check_inputs(context.taxonomy is not None)
        if options.answers_:
            self.prompt.answers_with(instruction="string", response="string")
        else:
            self.prompt.answers_with(requests="array")
        self._schema = self._bounded_schema()

    async def draft(self, drawn: FewShotDraw, row: Row) -> list[Row]:
        """The drafts of one request, at least one row. Raises `Unusable` if no reply can be parsed."""
        fields, answer = await ask_until_served(
            self._model,
            self.prompt.render(self._values(drawn)),
            self._options.sampling,
            reads_object(self.prompt.schema),
            self._options.attempts,
            schema=self._schema,
            draw=drawn.number,
        )
        row = attributed(row, stage=self._name, prompt=self.prompt, answer=answer)
        if self._options.answers_:
            return [self._exchange(row, fields, drawn, answer)]
        return self._requests(row, fields["requests"], drawn, answer)

    def _values(self, drawn: FewShotDraw) -> Json:
        return {
            "examples": [self._example(shot) for shot in drawn.shots],
            "conversations": any(len(shot.conversation.messages) > 3 for shot in drawn.shots),
            "system": self._system or "",
            "topic": drawn.topic or "",
            "wanted": [words_of(each) for each in drawn.wanted] if self._options.vary else [],
            "passages": self._evidence.texts(drawn.passages),
            "facts": self._evidence.facts,
            "count": self.each,
        }

    def _example(self, row: Row) -> str:
        """The request alone, or the whole conversation. The system prompt is the same for all drafts."""
        said = [message for message in row.conversation.messages if message["role"] != "system"]
        alone = not self._options.answers_ and len(said) <= 2
        return request_of(row.conversation) if alone else transcript(said)

    def _exchange(self, row: Row, fields: Json, drawn: FewShotDraw, answer: Completion) -> Row:
        request, response = (str(fields[key]).strip() for key in ("instruction", "response"))
        row = replace(
            row,
            id=content_id(self._name, answer.request.identity),
            conversation=self._conversation([user_message(request), assistant_message(response)]),
            labels={**row.labels, **_labels(drawn.wanted[0])},
        )
        claims = self._evidence.unsupported(response, drawn.passages, request, self._system or "")
        if not claims:
            return row
        return row.dropped(self._name, GenerateReason.UNSUPPORTED, f"nothing supports {listed(claims)}")

    def _requests(self, row: Row, texts: Sequence[str], drawn: FewShotDraw, answer: Completion) -> list[Row]:
        """A row for each request in the reply. Those beyond the wanted number are dropped."""
        rows = []
        for number, text in enumerate(texts):
            request = replace(
                row,
                id=content_id(self._name, answer.request.identity, number),
                conversation=self._conversation([user_message(text.strip())]),
                labels={**row.labels, **(_labels(drawn.wanted[number]) if number < self.each else {})},
            )
            if number >= self.each:
                why = f"request {number + 1} of {self.each}"
                request = request.dropped(self._name, GenerateReason.SURPLUS, why)
            rows.append(request)
        row = replace(row, id=content_id(self._name, answer.request.identity))
        return rows or [row.dropped(self._name, ReplyReason.EMPTY, "the reply lists no request")]

    def _conversation(self, messages: Sequence[FrozenJson]) -> Conversation:
        return Conversation([system_message(self._system), *messages] if self._system else messages)

    def _check_inputs(self, has_topics: bool) -> None:
        """Raises `PromptError` if the prompt ignores something that the recipe asks for."""
        options = self._options
        for key, asked, what in (
            ("topic", has_topics, "the topics of the stage before it"),
            ("wanted", bool(options.vary), "`vary`"),
            ("passages", options.context is not None, "`context: documents`"),
            ("facts", options.facts is not None, "`facts`"),
            ("count", self.each > 1, "`per_request`"),
        ):
            if asked and key not in self.prompt.inputs:
                raise PromptError(
                    f"does not take `{key}`, so the stage {self._name!r} cannot use {what}.",
                    where=self.prompt.name,
                    hint=f"Add `{key}` to its inputs and use it, or leave {what} out.",
                )

    def _bounded_schema(self) -> Json | None:
        """The prompt's schema with the wanted number of requests, because small models may never end a
        list.
        """
        if self._options.answers_ or self.prompt.schema is None:
            return self.prompt.schema
        schema = copy.deepcopy(self.prompt.schema)
        requests = schema["properties"]["requests"]
        if requests.get("items", {}).get("type") != "string":
            raise PromptError(
                "its `output` does not guarantee that `requests` has only texts.",
                where=self.prompt.name,
                hint="Write `requests: {type: array, items: {type: string}}`.",
            )
        requests["maxItems"] = self.each
        return schema


def templates_of(prompt: Prompt) -> list[str]:
    """The prompt's own words. A user's own prompt may have facts in it that an answer has to repeat."""
    return [part.text for part in prompt.parts] if prompt.trusted else []


def _labels(wanted: Mapping[str, str]) -> dict[str, str]:
    """The drawn values of `vary`, as labels."""
    return {f"{VARIED}{axis}": value for axis, value in wanted.items()}
