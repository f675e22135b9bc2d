"""Judges: models that score an answer on a rubric, or answer a question with yes or no.

If a model returns log-probabilities and does not think first, its verdict is read from the probabilities of
its tokens (G-Eval, https://arxiv.org/abs/2303.16634). Otherwise it is read as written. One probe request per
model decides between the two, for the whole run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from synth.errors import PromptError
from synth.llm.base import Json, Reply
from synth.llm.model import Completion, Model
from synth.prompts import Prompt
from synth.reasons import Action
from synth.recipe.base import Sampling
from synth.row import Row
from synth.stages.asking import ask_until_served
from synth.stages.context import Context, KnownJudges
from synth.stages.probing import ALTERNATIVES, probed, room_for
from synth.stages.structured_output import refuse_unanswered
from synth.stages.verdicts import Chances, chance_of_truth, level_chances, level_in, written_truth
from synth.text.written_levels import WrittenLevel

PROBE_WORDS = "a probe that shows how the judge's scores can be read"

ScoreReading = Literal["logprobs", "text"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The chances of the levels on each scale, and the completion that they were read from."""

    grades: Mapping[str, Chances[int]]
    answer: Completion

    def noted(self, row: Row, stage: str, how: Action, name: str, **details: Any) -> Row:
        """The row with one of the grades in its history, and with further `details` of the event."""
        grade = self.grades[name]
        if len(grade.of) > 1:
            details["levels"] = {str(level): round(share, 4) for level, share in grade.of.items()}
        return row.with_event(
            stage,
            how,
            score=score_of(grade),
            mass=round(grade.mass, 4),
            **details,
            model=self.answer.reply.model or self.answer.request.model,
            request=self.answer.request.identity,
            reasoning=self.answer.reply.reasoning,
        )


def score_of(grade: Chances[int]) -> float:
    """The number in a row's `scores`."""
    return round(grade.mean, 4)


class Judge:
    """A rubric applied by one model. The prompt's output has an integer with a range under each of `names`.

    `constants` are inputs of the prompt that are the same for all rows.
    """

    def __init__(
        self,
        stage: str,
        context: Context,
        model: Model,
        prompt: Prompt,
        sampling: Sampling,
        attempts: int,
        *,
        names: Sequence[str] = ("score",),
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.prompt = prompt
        self.reading: ScoreReading = "text"
        self.scales = {name: _levels(prompt, name) for name in names}
        self._constants = constants or {}
        self._stage = stage
        self._sampling = sampling
        self._attempts = attempts
        self._known = context.judges
        self._thinks = False
        self._warn = context.warn

    async def prepare(self, read: Literal["auto", "logprobs", "text"] = "auto") -> None:
        """Determines and reports how this model's scores are read."""
        if read != "auto":
            self.reading = read
        else:
            probe = partial(probed, self.model, self.prompt, self._constants, self._room(), self._by_logprobs)
            traits = await self._known.traits(self.model, probe)
            self.reading = "logprobs" if traits.reads_logprobs else "text"
            self._thinks = traits.thinks
        how = (
            "the probabilities of the score tokens" if self.reading == "logprobs" else "the number it writes"
        )
        self._warn(f"{self._stage}: scores of {self.model.model} are read from {how}.")

    async def score(self, values: Mapping[str, Any]) -> Judgement:
        """The grades of the prompt's `values`. Raises `Unusable` if no reply has them."""
        by_logprobs = self.reading == "logprobs"
        grades, answer = await ask_until_served(
            self.model,
            self.prompt.render({**values, **self._constants}),
            self._room(),
            self._by_logprobs if by_logprobs else self._as_written,
            self._attempts,
            schema=self.prompt.schema,
            logprobs=ALTERNATIVES if by_logprobs else 0,
        )
        return Judgement(grades, answer)

    def _by_logprobs(self, reply: Reply) -> dict[str, Chances[int]]:
        return {
            name: level_chances(reply, found, levels)
            for (name, levels), found in zip(self.scales.items(), self._levels_in(reply), strict=True)
        }

    def _as_written(self, reply: Reply) -> dict[str, Chances[int]]:
        found = self._levels_in(reply)
        return {name: Chances.certain(one.level) for name, one in zip(self.scales, found, strict=True)}

    def _levels_in(self, reply: Reply) -> list[WrittenLevel]:
        if not reply.text.strip():
            refuse_unanswered(reply)
        alone = len(self.scales) == 1
        return [level_in(reply, name, levels, alone=alone) for name, levels in self.scales.items()]

    def _room(self) -> Sampling:
        """The limit in tokens for the scores and the text before them, if neither the recipe nor the model
        sets one.
        """
        words = len((self.prompt.schema or {}).get("properties", {})) > len(self.scales)
        room = room_for(self.model, self._thinks, len(self.scales), words=words)
        return self.model.sampling(self._sampling).over(room)


def _levels(prompt: Prompt, name: str) -> range:
    """The levels of the score under `name` in the prompt's output. Raises `PromptError`."""
    score = (prompt.schema or {}).get("properties", {}).get(name, {})
    low, high = score.get("minimum"), score.get("maximum")
    if not isinstance(low, int) or not isinstance(high, int) or not 0 <= low < high <= 9:
        raise PromptError(
            f"a rubric's `output` needs an integer `{name}` with a `minimum` and a `maximum` between 0 and"
            " 9.",
            where=prompt.name,
        )
    prompt.answers_with(**{name: "integer"})
    return range(low, high + 1)


def warn_of_own_drafts(context: Context, stage: str, model: Model, *, drops: bool) -> None:
    """Warns if the writer is the judge. `drops` says whether its scores drop rows."""
    if model.name != "writer":
        return
    effect = "`keep` drops rows by its scores" if drops else "its scores mark rows and drop none"
    context.warn(f"{stage}: the writer ({model.model}) judges its own drafts; {effect}. Name a models.judge.")


@dataclass(frozen=True, slots=True)
class YesNoJudge:
    """A model that answers true or false under `key` about two texts, with `prompt`.

    After `prepare`, the answer is read from the probability of `true` if the model gives it, and as written
    otherwise. With `both_orders` the judge is asked about the two texts in both orders, and a yes needs both:
    either it is one question twice, whose answer must not depend on the order, or it is two questions, which
    must both hold: does the second text ask everything that the first one asks, and the other way round?
    """

    stage: str
    model: Model
    prompt: Prompt
    key: str
    action: Action
    sampling: Sampling
    attempts: int
    known: KnownJudges = field(default_factory=KnownJudges)
    both_orders: bool = False

    @property
    def most_requests(self) -> int:
        """The maximum number of requests for one verdict. The second order is asked only after a yes."""
        return 2 if self.both_orders else 1

    async def prepare(self) -> None:
        """Determines how this model's answers are read."""
        probe = partial(probed, self.model, self.prompt, {}, self._room(thinks=False), self._chance_of_yes)
        await self.known.traits(self.model, probe)

    async def judge(
        self, row: Row, first: str, second: str, noted: Json | None = None, **values: str
    ) -> tuple[Row, bool]:
        """The row with the verdict in its history, and whether it is a yes.

        `noted` is added to the entry in the history. `values` are other inputs of the prompt.
        """
        orders = [(first, second), (second, first)][: self.most_requests]
        traits = self.known.found(self.model)
        by_logprobs = traits is not None and traits.reads_logprobs
        room = self._room(thinks=traits.thinks) if traits else self.sampling
        chances, requests = [], []
        for one, other in orders:
            chance, answer = await ask_until_served(
                self.model,
                self.prompt.render({"first": one, "second": other, **values}),
                room,
                self._chance_of_yes if by_logprobs else self._written,
                self.attempts,
                schema=self.prompt.schema,
                logprobs=ALTERNATIVES if by_logprobs else 0,
            )
            chances.append(chance)
            requests.append(answer.request.identity)
            if chance <= 0.5:
                break
        yes = min(chances) > 0.5
        event: Json = {self.key: yes, "prompt": self.prompt.label}
        event |= {"request": requests[0]} if len(requests) == 1 else {"requests": requests}
        if by_logprobs:
            event["chances"] = [round(chance, 4) for chance in chances]
        return row.with_event(self.stage, self.action, **event, **(noted or {})), yes

    def _room(self, *, thinks: bool) -> Sampling:
        words = len((self.prompt.schema or {}).get("properties", {})) > 1
        return self.model.sampling(self.sampling).over(room_for(self.model, thinks, 1, words=words))

    def _chance_of_yes(self, reply: Reply) -> float:
        return chance_of_truth(reply, self.key, self.prompt.schema)

    def _written(self, reply: Reply) -> float:
        return float(written_truth(reply, self.key, self.prompt.schema))
