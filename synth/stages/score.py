"""Scores rows on a rubric, and drops those below the bar.

Where a model gives log-probabilities, the score is the expectation over the score tokens (G-Eval,
https://arxiv.org/abs/2303.16634; DEITA, https://arxiv.org/abs/2312.15685); else it is the number that it
writes. Which of the two is settled once for a model, by one request, and never mixed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

from synth.errors import PromptError
from synth.llm.base import Json, Reply, RequestFailed, TokenChoice
from synth.recipe.base import Sampling
from synth.row import Row, content_of
from synth.stages.base import Context, Unusable, ask_until_served
from synth.stages.generate import parse_object
from synth.stages.options import ScoreOptions

# What servers give at the most, as a rule.
_ALTERNATIVES = 20

# An expectation over less than this share of the probability says little about the score.
_LEAST_MASS = 0.5

_PROBE = (
    [{"role": "user", "content": "What is the capital of France?"}],
    "The capital of France is Paris.",
)

Reading = Literal["logprobs", "text"]


class Score:
    """An `Asks`. Held-out rows are passed by: no prompt shows them."""

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        self.name = name
        self._options = options
        self._model = context.model("judge", options)
        self.prompt = context.prompt("score", options, options.rubric, ["conversation", "response"])
        self._levels = _levels(self.prompt.schema, self.prompt.name)
        self._key = options.key
        self._reading: Reading = "text"
        self._warn = context.warn
        if self._model.name == "writer":
            context.warn(
                f"{name}: the writer ({self._model.model}) judges its own drafts; name a models.judge."
            )

    async def prepare(self) -> None:
        """Settles how this model's scores are read, and says so."""
        if self._options.read != "auto":
            self._reading = self._options.read
        elif await self._gives_logprobs():
            self._reading = "logprobs"
        how = (
            "the probabilities of the score tokens" if self._reading == "logprobs" else "the number it writes"
        )
        self._warn(f"{self.name}: scores of {self._model.model} are read from {how}.")

    async def _gives_logprobs(self) -> bool:
        messages = self._messages(*_PROBE)
        try:
            answer = await self._model.ask(messages, self._sampling("logprobs"), logprobs=_ALTERNATIVES)
            expected_score(answer.reply.logprobs, self._levels)
        except (Unusable, RequestFailed):
            return False
        return True

    async def ask(self, row: Row) -> None:
        """Adds `scores[rubric]`, and drops the row where that is below the bar."""
        if row.held_out or row.answer is None or (row.given and not self._options.seeds):
            return
        messages = self._messages(row.messages[:-1], row.answer)
        try:
            (score, mass), answer = await ask_until_served(
                self._model,
                messages,
                self._sampling(self._reading),
                self._read,
                self._options.attempts,
                schema=self.prompt.schema if self._reading == "text" else None,
                logprobs=_ALTERNATIVES if self._reading == "logprobs" else 0,
            )
        except Unusable as unusable:
            if row.given:
                row.history.append({"stage": self.name, "did": ["not_scored"], "detail": unusable.detail})
            else:
                row.drop(self.name, "no_score", unusable.detail)
            return
        row.scores[self._key] = round(score, 4)
        row.history.append(
            {
                "stage": self.name,
                "did": [self._reading],
                "score": round(score, 4),
                "mass": round(mass, 4),
                "model": answer.reply.model or self._model.model,
                "prompt": self.prompt.label,
                "request": answer.request.identity,
                "reasoning": answer.reply.reasoning,
            }
        )
        if row.draft and not self._options.keeps(round(score, 4)):
            row.drop(self.name, "low_score", f"{self._key} {score:.2f}, wanted {self._options.keep}")

    def _read(self, reply: Reply) -> tuple[float, float]:
        if self._reading == "logprobs":
            return expected_score(reply.logprobs, self._levels)
        return written_score(reply, self._levels, self.prompt.schema), 1.0

    def _sampling(self, reading: Reading) -> Sampling:
        """Room for the number alone, where neither recipe nor model says otherwise."""
        room = Sampling(max_tokens=8 if reading == "logprobs" else 32)
        return self._options.sampling.over(self._model.config.sampling.over(room))

    def _messages(self, conversation: Sequence[Json], response: str) -> list[Json]:
        return self.prompt.render({"conversation": _transcript(conversation), "response": response})


def expected_score(tokens: Sequence[TokenChoice], levels: range) -> tuple[float, float]:
    """The expectation over the levels at the last score token, and the probability mass they had there.

    Raises `Unusable` where there is no score token, or where the levels had too little of the mass.
    """
    wanted = {str(level): level for level in levels}
    token = next((t for t in reversed(tokens) if t.token.strip() in wanted), None)
    if token is None:
        raise Unusable("no_score", "no token of the answer is a score")
    weights: dict[int, float] = {}
    for text, logprob in {**token.top, token.token: token.logprob}.items():
        level = wanted.get(text.strip())
        if level is not None:
            weights[level] = weights.get(level, 0.0) + math.exp(logprob)
    mass = math.fsum(weights.values())
    if len(token.top) < 2 or mass < _LEAST_MASS:
        raise Unusable("no_score", f"the score tokens hold {mass:.2f} of the probability")
    return math.fsum(level * weight for level, weight in weights.items()) / mass, min(mass, 1.0)


def written_score(reply: Reply, levels: range, schema: Json | None) -> float:
    """The score as the answer gives it: JSON with a `score`, or a text with one number in the range."""
    if "{" in reply.text:
        return float(parse_object(reply.text, schema)["score"])
    numbers = [float(n) for n in re.findall(r"(?<![\d.])-?\d+(?:\.\d+)?(?![\d.]*\d)", reply.text)]
    if len(numbers) == 1 and levels[0] <= numbers[0] <= levels[-1]:
        return numbers[0]
    raise Unusable("no_score", f"no score from {levels[0]} to {levels[-1]}: {reply.text[:200]}")


def _levels(schema: Json | None, prompt: str) -> range:
    score = (schema or {}).get("properties", {}).get("score", {})
    low, high = score.get("minimum"), score.get("maximum")
    if not isinstance(low, int) or not isinstance(high, int) or not 0 <= low < high <= 9:
        raise PromptError(
            "a rubric's `output` needs an integer `score` with a `minimum` and a `maximum` between 0 and 9.",
            where=prompt,
        )
    return range(low, high + 1)


def _transcript(conversation: Sequence[Json]) -> str:
    """One request as it is; several messages with their roles."""
    turns = [m for m in conversation if m["role"] != "system"]
    if len(turns) == 1 and len(conversation) == 1:
        return content_of(turns[0])
    return "\n\n".join(f"{m['role'].capitalize()}: {content_of(m)}" for m in conversation)
