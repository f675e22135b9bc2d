"""Counts how many real requests are about each topic, so that topics are filled in these proportions."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import Sequence

from synth.llm.base import Json, RequestFailed
from synth.recipe.base import JUDGING, Sampling
from synth.row import Row
from synth.stable_hash import rank
from synth.stages.asking import Unusable, ask_until_served
from synth.stages.context import Context
from synth.stages.structured_output import reads_object
from synth.stages.topics.batches import batches, shown
from synth.stages.topics.options import TopicsOptions

# Requests that are counted. In a sample of this size, each share is exact to about 3 percentage points.
_MOST = 1000


class TopicCounter:
    """Asks the writer for the topic of each request, in batches."""

    def __init__(self, name: str, options: TopicsOptions, context: Context, requests: Sequence[Row]) -> None:
        salt = f"{context.recipe.seed}:{name}:weights"
        sample = sorted(requests, key=lambda row: rank(salt, row.id))[:_MOST]
        self._name = name
        self._warn = context.warn
        self._sampling: Sampling = options.sampling
        self._attempts = options.attempts
        self._batches = batches(sample, options.batch_size, salt)
        self._model = context.writer(options).with_usual(JUDGING)
        self._prompt = context.other_prompt("assign", ["requests", "leaves"])

    async def count(self, leaves: Sequence[str]) -> Counter[str | None]:
        """The number of requests about each leaf; None for those about no leaf or without a usable reply."""
        replies = await asyncio.gather(*(self._assigned(batch, leaves) for batch in self._batches))
        problems = [reply for reply in replies if isinstance(reply, str)]
        if problems:
            count = f"{len(problems)} of {len(replies)}"
            self._warn(f"{self._name}: {count} replies assign no topics, such as: {problems[0]}")
        found: Counter[str | None] = Counter()
        for batch, reply in zip(self._batches, replies, strict=True):
            numbers = [0] * len(batch) if isinstance(reply, str) else reply
            found.update(leaves[number - 1] if number else None for number in numbers)
        return found

    async def _assigned(self, batch: Sequence[Row], leaves: Sequence[str]) -> list[int] | str:
        """The number of each request's topic (0: none), or the problem with the reply."""
        schema = _bounded(self._prompt.schema, len(batch), len(leaves))
        try:
            found, _ = await ask_until_served(
                self._model,
                self._prompt.render({"requests": [shown(row) for row in batch], "leaves": leaves}),
                self._sampling,
                reads_object(schema),
                self._attempts,
                schema=schema,
            )
        except Unusable as unusable:
            return unusable.detail
        except RequestFailed as failure:
            return failure.words
        return list(found["topics"])


def _bounded(schema: Json | None, count: int, topics: int) -> Json | None:
    """The schema with the exact length of the list, and the numbers of the topics."""
    if schema is None:
        return None
    bounded = copy.deepcopy(schema)
    numbers = bounded["properties"]["topics"]
    numbers |= {"minItems": count, "maxItems": count}
    numbers["items"] |= {"minimum": 0, "maximum": topics}
    return bounded
