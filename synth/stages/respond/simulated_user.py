"""A model that plays the user of a conversation: with a goal, in the words of real users, and with an end.

UltraChat (https://arxiv.org/abs/2305.14233) tells a model that it plays a user. Without a goal such a user
asks about each answer for ever, and without examples it writes like an assistant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from synth.conversation import content_of, user_message
from synth.llm.model import Model
from synth.row import Row
from synth.stable_hash import rank
from synth.stages.asking import Unusable, ask_until_served
from synth.stages.context import Context
from synth.stages.reply_reasons import ReplyReason
from synth.stages.respond.options import RespondOptions
from synth.stages.respond.reasons import RespondAction, RespondReason
from synth.stages.source_items import Seed
from synth.stages.structured_output import read_text
from synth.stages.transcript import seen_by_user, transcript
from synth.text.tokens import normal_form

_ROLE: Final = re.compile(r"(?:^|(?<=\s))(?:User|You|Assistant):\s*")
_DONE: Final = re.compile(r"\[done\]", re.IGNORECASE)
# Number of real users' messages in a prompt, and the characters of the longest one.
_SAMPLES: Final = 2
_LONGEST_SAMPLE: Final = 400


class SimulatedUser:
    """Writes the next message of a user, or ends the conversation."""

    def __init__(self, name: str, options: RespondOptions, context: Context, model: Model) -> None:
        self._name = name
        self._options = options
        self._model = model
        self._salt = f"{context.recipe.seed}:{name}:register"
        self._seeds = context.seeds
        inputs = ["conversation", "goal", "samples"]
        self._prompt = context.other_prompt(options.prompt or "follow_up", inputs)
        self._goal = context.other_prompt("goal", ["message"]) if "goal" in self._prompt.inputs else None

    @property
    def requests_first(self) -> int:
        """The number of requests before the first message."""
        return 1 if self._goal else 0

    async def with_goal(self, row: Row) -> Row:
        """The row with a goal of its user in the history. A prompt of your own may need none."""
        if self._goal is None:
            return row
        first = next(content_of(m) for m in row.conversation.messages if m["role"] == "user")
        text, answer = await ask_until_served(
            self._model,
            self._goal.render({"message": first}),
            self._options.sampling,
            read_text,
            self._options.attempts,
        )
        samples = self._samples(row)
        shots = (*row.lineage.shots, *(seed.row.id for seed in samples))
        return replace(row, lineage=replace(row.lineage, shots=shots)).with_event(
            self._name,
            RespondAction.GOAL,
            goal=text,
            model=answer.reply.model or answer.request.model,
            prompt=self._goal.label,
            request=answer.request.identity,
        )

    async def next_message(self, row: Row) -> Row:
        """The row with the user's next message. It has no new message if the user ends the conversation.

        Raises `Unusable` if the user repeats a message.
        """
        messages = row.conversation.messages
        samples = [message for seed in self._samples(row) for message in self._texts[seed.row.id][:1]]
        text, answer = await ask_until_served(
            self._model,
            self._prompt.render(
                {
                    "conversation": transcript(seen_by_user(messages)),
                    "goal": _goal_of(row),
                    "samples": samples,
                }
            ),
            self._options.sampling,
            read_text,
            self._options.attempts,
        )
        made = {
            "model": answer.reply.model or answer.request.model,
            "prompt": self._prompt.label,
            "request": answer.request.identity,
        }
        if _DONE.search(text):
            return row.with_event(self._name, RespondAction.DONE, **made)
        # A model that plays the user often continues with the assistant's message, which is cut off.
        text = _ROLE.split(_ROLE.sub("", text, count=1) if _ROLE.match(text) else text)[0].strip()
        if not text:
            raise Unusable(ReplyReason.EMPTY, "the simulated user says nothing")
        if normal_form(text) in {normal_form(said) for said in (*map(content_of, messages), *samples)}:
            raise Unusable(RespondReason.SAME_QUESTION, f"the simulated user repeats a message: {text[:200]}")
        row = row.with_messages((*messages, user_message(text)))
        return row.with_event(self._name, RespondAction.FOLLOWED_UP, **made)

    def _samples(self, row: Row) -> Sequence[Seed]:
        """The seeds whose users the prompt shows: the same ones in each turn of a row."""
        if "samples" not in self._prompt.inputs:
            return []
        fit = [seed for seed in self._seeds if self._texts[seed.row.id]]
        return sorted(fit, key=lambda seed: rank(self._salt, row.id, seed.row.id))[:_SAMPLES]

    @cached_property
    def _texts(self) -> dict[str, list[str]]:
        """The users' messages of each seed that are short enough, later ones first: they are follow-ups."""
        every = {
            seed.row.id: [content_of(m) for m in seed.row.conversation.messages if m["role"] == "user"]
            for seed in self._seeds
        }
        return {
            key: [t for t in texts[::-1] if 0 < len(t) <= _LONGEST_SAMPLE] for key, texts in every.items()
        }


def _goal_of(row: Row) -> str:
    goals = (event.details["goal"] for event in row.history if RespondAction.GOAL in event.did)
    return next(iter([*goals][::-1]), "")
