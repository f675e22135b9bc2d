"""Finds out how a judge's replies can be read, and how much room they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from synth.llm.base import Reply, RequestFailed
from synth.llm.model import Model, room_to_think
from synth.prompts import Prompt
from synth.recipe.base import Sampling
from synth.stages.asking import Unusable
from synth.stages.context import JudgeTraits

# Alternatives of each token that are asked for: the usual maximum of servers.
ALTERNATIVES = 20

# Tokens for an object with one value, for each further value, and for words before them.
_OBJECT_TOKENS, _VALUE_TOKENS, _WORD_TOKENS = 32, 16, 192

# The values of a probe, which shows how the judge's replies can be read.
_PROBE = {
    "conversation": "What is the capital of France?",
    "response": "The capital of France is Paris.",
    "instruction": "What is the capital of France?",
    "first": "What is the capital of France?",
    "second": "Which city is the capital of France?",
}


def room_for(model: Model, thinks: bool, values: int, *, words: bool = False) -> Sampling:
    """The limit in tokens of a reply with this number of values, and `words` before them."""
    thoughts = room_to_think(model.config.token_limit) if thinks else 0
    return Sampling(
        max_tokens=thoughts + words * _WORD_TOKENS + _OBJECT_TOKENS + _VALUE_TOKENS * (values - 1)
    )


async def probed(
    model: Model,
    prompt: Prompt,
    constants: Mapping[str, Any],
    room: Sampling,
    read: Callable[[Reply], object],
) -> JudgeTraits:
    """The traits of a model, from one request with `prompt`. `read` raises `Unusable` if the reply cannot be
    read from its log-probabilities.
    """
    values = {**{key: _PROBE.get(key, "") for key in prompt.inputs}, **constants}
    try:
        answer = await model.ask(prompt.render(values), room, schema=prompt.schema, logprobs=ALTERNATIVES)
    except RequestFailed:
        return JudgeTraits(gives_logprobs=False, thinks=False)
    model.note_use(answer, "a probe")
    try:
        read(answer.reply)
        gives_logprobs = True
    except Unusable:
        gives_logprobs = False
    return JudgeTraits(gives_logprobs, thinks=bool(answer.reply.reasoning))
