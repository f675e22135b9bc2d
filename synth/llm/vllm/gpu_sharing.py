"""Lets several models take turns on one GPU: one is loaded at a time.

A model keeps the GPU until it has no requests left; then the model that has waited longest gets it. Loading
takes a minute. This pays off because a run has many rows in flight: all rows that wait for the judge are
scored before the writer is loaded again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

Step = Callable[[], Awaitable[None]]


class ModelSwitcher:
    """Shares one GPU among models. Use it inside one event loop."""

    def __init__(self) -> None:
        self._holder: SwitchedModel | None = None
        # One entry per request that waits for the GPU, longest wait first.
        self._queue: list[SwitchedModel] = []
        self._changed = asyncio.Condition()

    def join(self, load: Step, unload: Step) -> SwitchedModel:
        """Adds a model: `load` is awaited when its turn begins, `unload` when it ends."""
        return SwitchedModel(self, load, unload)

    async def enter(self, model: SwitchedModel) -> None:
        """Waits for the model's turn, and counts one more request. Raises the errors of `load`."""
        async with self._changed:
            if self._holder is not model:
                await self._wait(model)
            model.requests += 1

    async def leave(self, model: SwitchedModel) -> None:
        """Counts a finished request."""
        async with self._changed:
            model.requests -= 1
            if model.requests == 0:
                self._changed.notify_all()

    async def _wait(self, model: SwitchedModel) -> None:
        self._queue.append(model)
        try:
            while self._holder is not model:
                idle = self._holder is None or self._holder.requests == 0
                if idle and self._queue[0] is model:
                    await self._take(model)
                else:
                    await self._changed.wait()
        finally:
            self._queue.remove(model)
            # Both after a turn and after a cancelled wait, another model may be next.
            self._changed.notify_all()

    async def _take(self, model: SwitchedModel) -> None:
        before, self._holder = self._holder, None
        if before is not None:
            await before.unload()
        await model.load()
        self._holder = model


class SwitchedModel:
    """A model that takes turns. Use `async with` for each request."""

    def __init__(self, switcher: ModelSwitcher, load: Step, unload: Step) -> None:
        self.load = load
        self.unload = unload
        self.requests = 0
        self._switcher = switcher

    async def __aenter__(self) -> None:
        await self._switcher.enter(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._switcher.leave(self)
