"""Requests scores from a judge, and reads them.

If a model returns log-probabilities and does not think first, the score is the expectation over the score
tokens (G-Eval, https://arxiv.org/abs/2303.16634; DEITA, https://arxiv.org/abs/2312.15685). Otherwise it is
the written number. One probe request per model decides between the two, for the whole run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from synth.errors import PromptError
from synth.llm.base import Json, Reply, RequestFailed, TokenChoice
from synth.llm.model import Completion, Model
from synth.prompts import Prompt
from synth.reasons import Action
from synth.recipe.base import Sampling
from synth.row import Row
from synth.stages.asking import Unusable, ask_until_served
from synth.stages.context import Context, JudgeTraits
from synth.stages.reply_reasons import JudgeReason
from synth.stages.structured_output import ask_for_object, parse_object, refuse_unanswered

# The usual maximum of servers.
_ALTERNATIVES = 20

# If the score tokens have less than this share of the probability, their expectation says little.
_LEAST_MASS = 0.5

# Tokens for a judge that thinks, if neither the recipe nor the model sets a limit. The model's context must
# also have room for the prompt.
_THINKING_TOKENS = 4096
_THINKING_SHARE = 0.5

# The probe that shows how the judge's scores can be read.
_PROBE = {"conversation": "What is the capital of France?", "response": "The capital of France is Paris."}

PROBE_WORDS = "a probe that shows how the judge's scores can be read"

ScoreReading = Literal["logprobs", "text"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A score, the probability mass of its levels, and the completion that it was read from."""

    score: float
    mass: float
    answer: Completion

    def noted(self, row: Row, stage: str, how: Action, prompt: Prompt, model: Model) -> Row:
        """The row with the judgement in its history."""
        return row.with_event(
            stage,
            how,
            score=self.score,
            mass=self.mass,
            model=self.answer.reply.model or model.model,
            prompt=prompt.label,
            request=self.answer.request.identity,
            reasoning=self.answer.reply.reasoning,
        )


class Judge:
    """One rubric applied by one model. The output of `prompt` has `score` with its range."""

    def __init__(
        self, stage: str, context: Context, model: Model, prompt: Prompt, sampling: Sampling, attempts: int
    ) -> None:
        self.model = model
        self.prompt = prompt
        self.reading: ScoreReading = "text"
        self._stage = stage
        self._levels = _levels(prompt.schema, prompt.name)
        prompt.answers_with(score="integer")
        self._sampling = sampling
        self._attempts = attempts
        self._known = context.judges
        self._thinks = False
        self._warn = context.warn
        if model.name == "writer":
            context.warn(f"{stage}: the writer ({model.model}) judges its own drafts; name a models.judge.")

    async def prepare(self, read: Literal["auto", "logprobs", "text"] = "auto") -> None:
        """Determines and reports how this model's scores are read."""
        if read != "auto":
            self.reading = read
        else:
            traits = await self._known.traits(self.model, self._find_out)
            # A server would also send the alternatives of every thinking token: 1.5 kB each.
            self.reading = "logprobs" if traits.gives_logprobs and not traits.thinks else "text"
            self._thinks = traits.thinks
        how = (
            "the probabilities of the score tokens" if self.reading == "logprobs" else "the number it writes"
        )
        self._warn(f"{self._stage}: scores of {self.model.model} are read from {how}.")

    async def score(self, values: Mapping[str, Any]) -> Judgement:
        """The score of the prompt's `values`. Raises `Unusable` if no reply has one."""
        by_logprobs = self.reading == "logprobs"
        (score, mass), answer = await ask_until_served(
            self.model,
            self.prompt.render(values),
            self._room(self.reading),
            self._read,
            self._attempts,
            schema=None if by_logprobs else self.prompt.schema,
            logprobs=_ALTERNATIVES if by_logprobs else 0,
        )
        return Judgement(round(score, 4), round(mass, 4), answer)

    async def _find_out(self) -> JudgeTraits:
        values = {key: _PROBE.get(key, "") for key in self.prompt.inputs}
        room = self._room("logprobs")
        try:
            answer = await self.model.ask(self.prompt.render(values), room, logprobs=_ALTERNATIVES)
        except RequestFailed:
            return JudgeTraits(gives_logprobs=False, thinks=False)
        self.model.note_use(answer, "a probe")
        reply = answer.reply
        try:
            expected_score(reply.logprobs, self._levels)
            gives_logprobs = True
        except Unusable:
            gives_logprobs = False
        return JudgeTraits(gives_logprobs, thinks=bool(reply.reasoning))

    def _read(self, reply: Reply) -> tuple[float, float]:
        if not reply.text.strip():
            refuse_unanswered(reply)
        if self.reading == "logprobs":
            return expected_score(reply.logprobs, self._levels)
        return written_score(reply, self._levels, self.prompt.schema), 1.0

    def _room(self, reading: ScoreReading) -> Sampling:
        """The limit in tokens for the number and the text before it, if neither the recipe nor the model
        sets one.
        """
        thoughts = _room_to_think(self.model.config.token_limit) if self._thinks else 0
        words = 192 if len((self.prompt.schema or {}).get("properties", {})) > 1 else 0
        room = Sampling(max_tokens=thoughts + words + (8 if reading == "logprobs" else 32))
        return self.model.sampling(self._sampling).over(room)


def _room_to_think(context: int | None) -> int:
    return min(_THINKING_TOKENS, int(context * _THINKING_SHARE)) if context else _THINKING_TOKENS


def expected_score(tokens: Sequence[TokenChoice], levels: range) -> tuple[float, float]:
    """The expectation over the levels at the last score token, and their probability mass there.

    Raises `Unusable` if there is no score token, or if the mass of the levels is too small.
    """
    wanted = {str(level): level for level in levels}
    token = next((t for t in reversed(tokens) if t.token.strip() in wanted), None)
    if token is None:
        raise Unusable(JudgeReason.NO_SCORE, "no token of the answer is a score")
    weights: dict[int, float] = {}
    for text, logprob in {**token.top, token.token: token.logprob}.items():
        level = wanted.get(text.strip())
        if level is not None:
            weights[level] = weights.get(level, 0.0) + math.exp(logprob)
    mass = math.fsum(weights.values())
    if len(token.top) < 2 or mass < _LEAST_MASS:
        raise Unusable(JudgeReason.NO_SCORE, f"the score tokens hold {mass:.2f} of the probability")
    return math.fsum(level * weight for level, weight in weights.items()) / mass, min(mass, 1.0)


def written_score(reply: Reply, levels: range, schema: Json | None) -> float:
    """The written score: JSON with a `score`, `Score: n`, or a text with one number."""
    if "{" in reply.text:
        return float(parse_object(reply.text, schema)["score"])
    if named := re.findall(r"\bscore\s*[:=]\s*(\d+(?:\.\d+)?)(?![\d/.]*\d)", reply.text, re.IGNORECASE):
        numbers = [float(named[-1])]
    else:
        numbers = [float(n) for n in re.findall(r"(?<![\d.])-?\d+(?:\.\d+)?(?![\d.]*\d)", reply.text)]
    if len(numbers) == 1 and levels[0] <= numbers[0] <= levels[-1]:
        return numbers[0]
    raise Unusable(JudgeReason.NO_SCORE, f"no score from {levels[0]} to {levels[-1]}: {reply.text[:200]}")


def _levels(schema: Json | None, prompt: str) -> range:
    score = (schema or {}).get("properties", {}).get("score", {})
    low, high = score.get("minimum"), score.get("maximum")
    if not isinstance(low, int) or not isinstance(high, int) or not 0 <= low < high <= 9:
        raise PromptError(
            "a rubric's `output` needs an integer `score` with a `minimum` and a `maximum` between 0 and 9.",
            where=prompt,
        )
    return range(low, high + 1)


@dataclass(frozen=True, slots=True)
class YesNoJudge:
    """A model that answers yes or no under `key` about two texts, with `prompt`."""

    stage: str
    model: Model
    prompt: Prompt
    key: str
    action: Action
    sampling: Sampling
    attempts: int

    async def judge(self, row: Row, first: str, second: str) -> tuple[Row, bool]:
        """The row with the verdict in its history, and whether it is a yes."""
        verdict, answer = await ask_for_object(
            self.model,
            self.prompt.render({"first": first, "second": second}),
            self.sampling,
            self.prompt.schema,
            self.attempts,
        )
        event = {self.key: verdict[self.key], "prompt": self.prompt.label, "request": answer.request.identity}
        return row.with_event(self.stage, self.action, **event), bool(verdict[self.key])
