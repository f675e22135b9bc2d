"""Sends a stage's requests, and decides what happens to a row without a usable reply."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from synth.frozen import FrozenJson
from synth.llm.base import Json, Reply, RequestFailed
from synth.llm.model import Completion, Model
from synth.prompts import Prompt
from synth.reasons import Reason
from synth.recipe.base import Sampling
from synth.row import Lineage, Row
from synth.stages.reply_reasons import ReplyReason

T = TypeVar("T")


class NotAsked(Exception):
    """A dry run reached a request without a reply in the run folder. `row` is the row before the request."""

    row: Row | None = None


class Unusable(Exception):
    """An unusable reply. `detail` is a message."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


async def ask_until_served(
    model: Model,
    messages: Sequence[FrozenJson],
    sampling: Sampling,
    read: Callable[[Reply], T],
    attempts: int,
    *,
    schema: Json | None = None,
    logprobs: int = 0,
    draw: int = 0,
) -> tuple[T, Completion]:
    """Sends the request until `read` accepts the reply, at most `attempts` times.

    Each attempt is a separate request that can have a different reply: its identity differs (and so a
    sampler's seed). If the temperature is 0, further attempts use a higher one. Raises the last `Unusable`,
    `RequestFailed`, or `NothingServes` if the stage never got a usable reply.
    """
    unusable = Unusable(ReplyReason.EMPTY, "the model was not asked")
    for attempt in range(attempts):
        answer = await model.ask(
            messages,
            _loosened(sampling, model, attempt),
            schema=schema,
            logprobs=logprobs,
            draw=draw,
            attempt=attempt,
        )
        try:
            value = read(answer.reply)
        except Unusable as error:
            unusable = error
            model.note_use(answer, f"{error.reason}: {error.detail}")
        else:
            model.note_use(answer)
            return value, answer
    raise unusable


def _loosened(sampling: Sampling, model: Model, attempt: int) -> Sampling:
    if attempt == 0:
        return sampling
    usual = model.sampling(sampling).temperature
    least = min(0.3 * attempt, 1.0)
    return sampling if usual is None or usual >= least else sampling.model_copy(update={"temperature": least})


async def last_of(steps: AsyncIterator[Row], row: Row) -> tuple[Row, Unusable | RequestFailed | None]:
    """The row after its `steps`, each of which sends requests, and the error that ended them early, if any.

    After an error, the row has the result of the steps before it.
    """
    try:
        async for step in steps:
            row = step
    except (Unusable, RequestFailed) as error:
        return row, error
    except NotAsked as stop:
        stop.row = row
        raise
    return row, None


async def made_in(steps: AsyncIterator[Row], stage: str, stub: Row) -> list[Row]:
    """The row of a chain of requests; dropped or failed if one of them has no usable reply."""
    row, error = await last_of(steps, stub)
    return [row if error is None else refused(row, stage, error)]


async def settled(stage: str, stub: Row, making: Awaitable[list[Row]]) -> list[Row]:
    """The rows of one request or chain of requests. If there are none, only `stub`, dropped or failed."""
    try:
        return await making
    except (Unusable, RequestFailed) as error:
        return [refused(stub, stage, error)]


def words_of(error: Unusable | RequestFailed) -> str:
    """The message about an error, for the row."""
    return error.detail if isinstance(error, Unusable) else error.words


def refused(row: Row, stage: str, error: Unusable | RequestFailed) -> Row:
    """The row, dropped for an unusable reply or failed for a failed request."""
    if isinstance(error, Unusable):
        return row.dropped(stage, error.reason, error.detail)
    return row.failed(stage, error.words)


def attributed(row: Row, *, stage: str, prompt: Prompt | None, answer: Completion) -> Row:
    """The row with the request that made its text in its lineage."""
    request, before = answer.request, row.lineage
    lineage = Lineage(
        before.origin,
        before.parents,
        before.shots,
        stage=stage,
        prompt=prompt.label if prompt else None,
        model=answer.reply.model or request.model,
        sampling={**request.sampling, "max_tokens": request.max_tokens},
        request=request.identity,
        source=before.source,
        topic=before.topic,
    )
    return row.with_lineage(lineage, reasoning=answer.reply.reasoning)
