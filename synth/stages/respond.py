"""Answers: for rows without one, several for each row, in longer conversations, in place of old ones."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from synth.frozen import FrozenJson
from synth.llm.base import Json, RequestFailed
from synth.llm.model import Answer, Model
from synth.recipe.base import Sampling
from synth.row import Row, content_of
from synth.stages.answers import read_text
from synth.stages.base import Context, Unusable, ask_until_served, lineage_of
from synth.stages.expected import Requests, answers_to_come
from synth.stages.grounded import Grounded
from synth.stages.options import RespondOptions
from synth.stages.score import transcript
from synth.text.tokens import normal_form

_ROLE = re.compile(r"(?:^|(?<=\s))(?:User|Assistant):\s*")


@dataclass(frozen=True, slots=True)
class Voice:
    """Who gives a candidate, and how."""

    model: Model
    sampling: Sampling
    system: str | None
    draw: int


class Respond:
    """An `Asks`. Seeds keep their answers; held-out rows are passed by: no prompt shows them."""

    def __init__(self, name: str, options: RespondOptions, context: Context) -> None:
        self.name = name
        self._options = options
        self._model = context.model("writer", options)
        self._user = context.models[options.user] if options.user else self._model
        self._voices = _voices(options, context, self._model)
        self._grounded = Grounded(name, options, options.grounded, context) if options.grounded else None
        self._follow_up = context.other_prompt("respond", options.prompt or "follow_up", ["conversation"])

    async def ask(self, row: Row) -> None:
        """Adds what is wanted, or drops a draft for which no answer serves."""
        if row.held_out:
            return
        system = self._options.system
        if system and not row.given and row.messages[0]["role"] != "system":
            row.messages = [{"role": "system", "content": system}, *row.messages]
        try:
            await self._respond(row)
        except Unusable as unusable:
            if row.given:
                row.note(self.name, "no_answer", detail=unusable.detail)
            else:
                row.drop(self.name, unusable.reason, unusable.detail)

    def expect(self, row: Row) -> Requests:
        """An answer or several; with more turns, two requests for each."""
        options = self._options
        if row.held_out:
            return Requests()
        if options.n > 1:
            own = [{"content": row.answer, "source": "answer"}] if row.answer is not None else []
            row.candidates = [*row.candidates, *own, *answers_to_come(options.n)]
            if not own:
                row.messages = [*row.messages, {"role": "assistant", "content": "answer 0"}]
            return Requests.exactly(options.n)
        asked = _answers(row) if options.again and not row.given else 0
        if row.answer is None:
            asked += 1
            row.messages = [*row.messages, {"role": "assistant", "content": ""}]
        turns = 0 if row.given else max(0, options.turns - _answers(row))
        further = [{"role": role, "content": ""} for role in ("user", "assistant")]
        row.messages = [*row.messages, *further * turns]
        return Requests.up_to(asked + 2 * turns, least=min(1, asked + turns))

    async def _respond(self, row: Row) -> None:
        options = self._options
        if options.n > 1:
            await self._add_candidates(row)
            return
        if options.again and not row.given:
            await self._answer_anew(row)
        if row.answer is None:
            await (self._grounded.answer(row) if self._grounded else self._answer(row))
        while not row.given and _answers(row) < options.turns:
            await self._follow(row)
            await self._answer(row)

    async def _answer(self, row: Row) -> None:
        text, answer = await self._text(row.messages)
        lineage_of(row, stage=row.lineage.stage or self.name, prompt=None, answer=answer)
        row.messages = [*row.messages, {"role": "assistant", "content": text}]

    async def _follow(self, row: Row) -> None:
        """The simulated user's next message; one that was there before ends the row."""
        text, answer = await ask_until_served(
            self._user,
            self._follow_up.render({"conversation": transcript(row.messages)}),
            self._options.sampling,
            read_text,
            self._options.attempts,
        )
        # A model that plays the user often goes on with the assistant's part.
        text = _ROLE.split(_ROLE.sub("", text, count=1) if _ROLE.match(text) else text)[0].strip()
        if not text:
            raise Unusable("empty", "the simulated user says nothing")
        earlier = {normal_form(content_of(m)) for m in row.messages}
        if normal_form(text) in earlier:
            raise Unusable("same_question", f"the simulated user repeats a message: {text[:200]}")
        row.messages = [*row.messages, {"role": "user", "content": text}]
        row.note(
            self.name,
            "followed_up",
            model=answer.reply.model or answer.request.model,
            prompt=self._follow_up.label,
            request=answer.request.identity,
        )

    async def _answer_anew(self, row: Row) -> None:
        """Every answer of the conversation, each after the new ones before it."""
        before = [content_of(m) for m in row.messages if m["role"] == "assistant"]
        messages: list[FrozenJson] = []
        for message in row.messages:
            if message["role"] != "assistant":
                messages.append(message)
                continue
            text, answer = await self._text(messages)
            lineage_of(row, stage=self.name, prompt=None, answer=answer)
            messages.append({"role": "assistant", "content": text})
        row.messages = messages
        if before:
            row.note(self.name, "answered_anew", before=before)

    async def _text(self, messages: Sequence[FrozenJson]) -> tuple[str, Answer]:
        return await ask_until_served(
            self._model, messages, self._options.sampling, read_text, self._options.attempts
        )

    async def _add_candidates(self, row: Row) -> None:
        """As many as are wanted, less those that say the same. A row without an answer takes the first."""
        asked = row.messages[:-1] if row.answer is not None else row.messages
        candidates = list(row.candidates)
        if row.answer is not None and row.answer not in [c["content"] for c in candidates]:
            candidates.append({"content": row.answer, "source": "answer"})
        given = await asyncio.gather(*(self._candidate(voice, asked) for voice in self._voices))
        for candidate, problem in given:
            if candidate is None:
                row.note(self.name, "no_candidate", detail=problem)
            elif candidate["content"] not in [c["content"] for c in candidates]:
                candidates.append(candidate)
        row.candidates = candidates
        if row.answer is None:
            first = next((pair for pair in given if pair[0] is not None), None)
            if first is None or first[0] is None:
                raise Unusable("no_candidate", given[0][1])
            stage, chosen = row.lineage.stage or self.name, first[0]
            row.lineage = replace(row.lineage, stage=stage, model=chosen["model"], request=chosen["request"])
            row.messages = [*asked, {"role": "assistant", "content": first[0]["content"]}]

    async def _candidate(self, voice: Voice, asked: Sequence[FrozenJson]) -> tuple[Json | None, str]:
        """A candidate, or None and what was wrong with it."""
        messages = [m for m in asked if not (voice.system and m["role"] == "system")]
        if voice.system:
            messages = [{"role": "system", "content": voice.system}, *messages]
        try:
            text, answer = await ask_until_served(
                voice.model,
                messages,
                voice.sampling,
                read_text,
                self._options.attempts,
                draw=voice.draw,
            )
        except Unusable as unusable:
            return None, unusable.detail
        except RequestFailed as failure:
            return None, failure.words
        candidate: Json = {
            "content": text,
            "model": answer.reply.model or answer.request.model,
            "sampling": dict(answer.request.sampling),
            "request": answer.request.identity,
        }
        return (candidate | {"system": voice.system} if voice.system else candidate), ""


def _voices(options: RespondOptions, context: Context, usual: Model) -> list[Voice]:
    """Models, temperatures and systems in turn; equal ones are told apart by their draw."""
    models = [context.models[name] for name in options.models] or [usual]
    voices = []
    for number in range(options.n):
        sampling = options.sampling
        if options.temperatures:
            temperature = options.temperatures[number % len(options.temperatures)]
            sampling = sampling.model_copy(update={"temperature": temperature})
        system = options.systems[number % len(options.systems)] if options.systems else None
        voices.append(Voice(models[number % len(models)], sampling, system, number))
    return voices


def _answers(row: Row) -> int:
    return sum(message["role"] == "assistant" for message in row.messages)
