"""Judges several answers to one request in one prompt (UltraFeedback, arXiv:2310.01377).

A judge that sees one answer at a time gives most of them the same score; side by side it must distinguish
them. The position then has an effect, so each row has its own order. With `swap` the judge is asked again in
the opposite order: an answer beats another only if it wins in both orders (position swap, arXiv:2306.05685).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeVar

from synth.errors import PromptError
from synth.llm.base import Json, Reply
from synth.llm.model import Completion
from synth.row import Row, content_id
from synth.stable_hash import rank
from synth.stages.asking import Unusable, ask_until_served
from synth.stages.context import Context
from synth.stages.judging import warn_of_own_drafts
from synth.stages.reply_reasons import JudgeReason
from synth.stages.score.options import ScoreOptions
from synth.stages.score.reasons import ScoreAction
from synth.stages.score.shown import SHOWN_TOGETHER
from synth.stages.structured_output import reads_object
from synth.stages.verdicts import Chances

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Compared:
    """The scores of one answer, one per order."""

    by_order: tuple[float, ...]

    @property
    def score(self) -> float:
        """The mean over the orders."""
        return round(fmean(self.by_order), 4)

    @property
    def grade(self) -> Chances[int]:
        """The chances of the levels: each order is one of equal weight."""
        levels = Counter(map(int, self.by_order))
        return Chances({level: times / len(self.by_order) for level, times in sorted(levels.items())})

    def beats(self, other: Compared) -> bool:
        """Whether it is better in every order."""
        return all(mine > theirs for mine, theirs in zip(self.by_order, other.by_order, strict=True))


class ListwiseJudge:
    """One rubric for several answers, applied by one model."""

    def __init__(self, name: str, options: ScoreOptions, context: Context) -> None:
        self._name = name
        self._options = options
        self._salt = f"{context.recipe.seed}:{name}"
        self._model = context.judge(options.model)
        self._prompt = context.prompt(options, options.rubric, SHOWN_TOGETHER)
        self._schema = _list_of_scores(self._prompt.schema, self._prompt.name)
        items = self._schema["properties"]["scores"]["items"]
        self.levels = range(items["minimum"], items["maximum"] + 1)
        context.warn(f"{name}: {self._model.model} scores all answers of a row in one prompt, as it writes.")
        warn_of_own_drafts(context, name, self._model, drops=options.keep is not None)

    async def judge(self, row: Row, values: Json, texts: Sequence[str]) -> tuple[Row, list[Compared]]:
        """The row with an event, and the judge's scores of each of `texts`. `values` are the other inputs of
        the rubric. Raises `Unusable`.
        """
        order = sorted(range(len(texts)), key=lambda i: self._rank(row, texts[i]))
        orders = [order, order[::-1]] if self._options.swap and len(texts) > 1 else [order]
        replies = await _all(self._ask(values, [texts[i] for i in order]) for order in orders)
        scores = [
            [float(given[order.index(i)]) for i in range(len(texts))]
            for order, (given, _) in zip(orders, replies, strict=True)
        ]
        row = self._noted(row, orders, scores, [answer for _, answer in replies])
        return row, [Compared(by_order) for by_order in zip(*scores, strict=True)]

    async def _ask(self, values: Json, shown: Sequence[str]) -> tuple[list[int], Completion]:
        schema = {**self._schema, "properties": {**self._schema["properties"]}}
        schema["properties"]["scores"] = {
            **schema["properties"]["scores"],
            "minItems": len(shown),
            "maxItems": len(shown),
        }
        return await ask_until_served(
            self._model,
            self._prompt.render({**values, "responses": list(shown)}),
            self._options.sampling,
            _reads_scores(schema, len(shown)),
            self._options.attempts,
            schema=schema,
        )

    def _noted(
        self,
        row: Row,
        orders: Sequence[Sequence[int]],
        scores: Sequence[Sequence[float]],
        answers: Sequence[Completion],
    ) -> Row:
        """Adds the event. `shown` has the answers' numbers in each prompt, `by_order` the scores in the
        order of `texts`.
        """
        return row.with_event(
            self._name,
            ScoreAction.SCORED_TOGETHER,
            shown=orders,
            by_order=scores,
            model=answers[0].reply.model or self._model.model,
            prompt=self._prompt.label,
            requests=[answer.request.identity for answer in answers],
            reasoning=[answer.reply.reasoning for answer in answers if answer.reply.reasoning] or None,
        )

    def _rank(self, row: Row, text: str) -> bytes:
        return rank(self._salt, row.id, content_id(text))


async def _all(asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All replies, or the first failure in the order of the requests (not of time)."""
    found: list[T] = []
    for each in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(each, BaseException):
            raise each
        found.append(each)
    return found


def _reads_scores(schema: Json, count: int) -> Callable[[Reply], list[int]]:
    as_object = reads_object(schema)

    def read(reply: Reply) -> list[int]:
        scores = list(as_object(reply)["scores"])
        if len(scores) != count:
            raise Unusable(JudgeReason.NO_SCORE, f"{len(scores)} scores for {count} answers")
        return scores

    return read


def _list_of_scores(schema: Json | None, prompt: str) -> Json:
    """The schema, which must have a list of integer scores. Raises `PromptError` otherwise."""
    scores: Any = (schema or {}).get("properties", {}).get("scores", {})
    items = scores.get("items", {}) if isinstance(scores, dict) else {}
    low, high = items.get("minimum"), items.get("maximum")
    if (
        schema is None
        or items.get("type") != "integer"
        or not (isinstance(low, int) and isinstance(high, int) and low < high)
        or "scores" not in schema.get("required", ())
    ):
        raise PromptError(
            "a rubric for several answers needs a required `scores` in its `output`: a list of integers with"
            " a `minimum` and a `maximum`.",
            where=prompt,
            hint="prompts/score/quality_together.md is one; leave out `listwise` for one answer at a time.",
        )
    return schema
