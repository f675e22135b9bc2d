"""Writes answers for rows without one, several candidates per row, longer conversations, and replacements."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from synth.conversation import assistant_message, content_of, system_message, user_message
from synth.frozen import FrozenJson
from synth.llm.base import RequestFailed
from synth.llm.model import Completion, Model
from synth.reasons import SharedAction
from synth.recipe.base import Sampling
from synth.row import Candidate, Row
from synth.stages.asking import Unusable, ask_until_served, attributed, last_of, refused, words_of
from synth.stages.base import RowStage
from synth.stages.context import Context
from synth.stages.forecast import TO_COME, Forecast, Requests, answers_to_come
from synth.stages.respond.grounded import Grounded
from synth.stages.respond.options import RespondOptions
from synth.stages.respond.reasons import RespondAction, RespondReason
from synth.stages.respond.simulated_user import SimulatedUser
from synth.stages.structured_output import read_text


@dataclass(frozen=True, slots=True)
class CandidateSource:
    """The model and settings of one candidate."""

    model: Model
    sampling: Sampling
    system: str | None
    draw: int


class Respond(RowStage):
    """Seeds keep their answers. Held-out rows pass unchanged, because no prompt may show them."""

    version = 2

    def __init__(self, name: str, options: RespondOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        self._model = context.writer(options)
        user = context.named(options.user, options) if options.user else self._model
        self._user = SimulatedUser(name, options, context, user)
        self._candidate_sources = _candidate_sources(options, context, self._model)
        self._grounded = Grounded(name, options, options.grounded, context) if options.grounded else None

    async def apply(self, row: Row) -> Row:
        """Adds the wanted answers, or drops a draft without a usable one."""
        if row.held_out:
            return row
        system = self._options.system
        if system and not row.given and row.conversation.system is None:
            row = row.with_messages((system_message(system), *row.conversation.messages))
        row, error = await last_of(self._steps(row), row)
        if error is None:
            return row
        if not row.given:
            return refused(row, self.name, error)
        did = RespondAction.NO_ANSWER if isinstance(error, Unusable) else SharedAction.FAILED
        return row.with_event(self.name, did, detail=words_of(error))

    def forecast(self, row: Row) -> Forecast:
        """Forecasts one or more answers; with `turns`, the user's goal and two requests per further turn."""
        options = self._options
        if row.held_out:
            return Forecast(Requests(), row)
        if options.n > 1:
            row = replace(row, candidates=(*self._own(row), *answers_to_come(options.n)))
            if not row.conversation.has_answer:
                row = row.with_reply("answer 0")
            return Forecast(Requests.exactly(options.n), row)
        asked = _answers(row) if options.regenerate and not row.given else 0
        if not row.conversation.has_answer:
            asked += 1
            row = row.with_reply(TO_COME)
        turns = 0 if row.given else max(0, options.turns - _answers(row))
        for _ in range(turns):
            row = row.with_messages((*row.conversation.messages, user_message(TO_COME))).with_reply(TO_COME)
        first = self._user.requests_first if turns else 0
        return Forecast(Requests.up_to(asked + first + 2 * turns, least=min(1, asked + turns)), row)

    async def _steps(self, row: Row) -> AsyncIterator[Row]:
        options = self._options
        if options.n > 1:
            row, first = await self._with_candidates(row)
            yield row
            if not row.conversation.has_answer:
                yield self._answered_by(row, first)
            return
        if options.regenerate and not row.given:
            async for step in self._answered_anew(row):
                row = step
                yield row
        if not row.conversation.has_answer:
            row = await (self._grounded.answer(row) if self._grounded else self._answered(row))
            yield row
        if options.turns > 1 and not row.given:
            async for step in self._continued(row):
                yield step

    async def _continued(self, row: Row) -> AsyncIterator[Row]:
        """Further turns, until the conversation has enough answers or the simulated user ends it."""
        row = await self._user.with_goal(row)
        yield row
        while _answers(row) < self._options.turns:
            row = await self._user.next_message(row)
            yield row
            if row.conversation.has_answer:
                return
            row = await self._answered(row)
            yield row

    async def _answered(self, row: Row) -> Row:
        text, answer = await self._text(row.conversation.messages)
        stage = row.lineage.stage or self.name
        return attributed(row, stage=stage, prompt=None, answer=answer).with_reply(text)

    async def _answered_anew(self, row: Row) -> AsyncIterator[Row]:
        """Generates every answer of the conversation again, each after the new earlier ones."""
        before = [content_of(m) for m in row.conversation.messages if m["role"] == "assistant"]
        new = row.conversation.with_messages(())
        for message in row.conversation.messages:
            if message["role"] != "assistant":
                new = new.with_messages((*new.messages, message))
                continue
            text, answer = await self._text(new.messages)
            row = attributed(row, stage=self.name, prompt=None, answer=answer)
            yield row
            new = new.with_messages((*new.messages, assistant_message(text)))
        row = row.with_messages(new.messages)
        yield row.with_event(self.name, RespondAction.ANSWERED_ANEW, before=before) if before else row

    async def _text(self, messages: Sequence[FrozenJson]) -> tuple[str, Completion]:
        return await ask_until_served(
            self._model, messages, self._options.sampling, read_text, self._options.attempts
        )

    async def _with_candidates(self, row: Row) -> tuple[Row, Candidate | str]:
        """The wanted candidates without duplicates; and the first one, or the error if there is none."""
        asked = row.conversation.prompt
        candidates = list(self._own(row))
        given = await asyncio.gather(*(self._candidate(source, asked) for source in self._candidate_sources))
        for candidate in given:
            if isinstance(candidate, str):
                row = row.with_event(self.name, RespondAction.NO_CANDIDATE, detail=candidate)
            elif candidate.content not in [c.content for c in candidates]:
                candidates.append(candidate)
        first = next((candidate for candidate in given if isinstance(candidate, Candidate)), given[0])
        return replace(row, candidates=candidates), first

    def _own(self, row: Row) -> Sequence[Candidate]:
        """The existing candidates, including the row's answer."""
        answer = row.conversation.answer
        if answer is None or answer in [candidate.content for candidate in row.candidates]:
            return row.candidates
        return (*row.candidates, Candidate(answer, source="answer"))

    def _answered_by(self, row: Row, first: Candidate | str) -> Row:
        """Gives the first candidate to a row without an answer."""
        if isinstance(first, str):
            raise Unusable(RespondReason.NO_CANDIDATE, first)
        stage = row.lineage.stage or self.name
        lineage = replace(row.lineage, stage=stage, model=first.model, request=first.request)
        return replace(row, lineage=lineage).with_reply(first.content)

    async def _candidate(self, source: CandidateSource, asked: Sequence[FrozenJson]) -> Candidate | str:
        """A candidate, or its error."""
        messages = [m for m in asked if not (source.system and m["role"] == "system")]
        if source.system:
            messages = [system_message(source.system), *messages]
        try:
            text, answer = await ask_until_served(
                source.model,
                messages,
                source.sampling,
                read_text,
                self._options.attempts,
                draw=source.draw,
            )
        except Unusable as unusable:
            return unusable.detail
        except RequestFailed as failure:
            return failure.words
        return Candidate(
            text,
            model=answer.reply.model or answer.request.model,
            sampling=answer.request.sampling,
            request=answer.request.identity,
            system=source.system or None,
        )


def _candidate_sources(options: RespondOptions, context: Context, usual: Model) -> list[CandidateSource]:
    """Models, temperatures and systems in turn. Equal combinations differ by their draw."""
    models = [context.named(name, options) for name in options.models] or [usual]
    sources = []
    for number in range(options.n):
        sampling = options.sampling
        if options.temperatures:
            temperature = options.temperatures[number % len(options.temperatures)]
            sampling = sampling.model_copy(update={"temperature": temperature})
        system = options.systems[number % len(options.systems)] if options.systems else None
        sources.append(CandidateSource(models[number % len(models)], sampling, system, number))
    return sources


def _answers(row: Row) -> int:
    return sum(message["role"] == "assistant" for message in row.conversation.messages)
