"""The budget of a run: its limits, and the usage so far."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from synth.errors import Unfinished
from synth.llm.base import Usage
from synth.recipe.base import Price
from synth.recipe.model import Budget


@dataclass(slots=True)
class Cost:
    """The cost of requests, actual or maximum."""

    requests: int = 0
    tokens: int = 0
    usd: float = 0.0

    def add(self, other: Cost, sign: int = 1) -> None:
        """Adds `other`, or subtracts it."""
        self.requests += sign * other.requests
        self.tokens += sign * other.tokens
        self.usd += sign * other.usd


@dataclass
class BudgetLedger:
    """Keeps all calls of a run within the budget.

    `used` includes earlier calls. `asked` counts this call's requests by stage.
    """

    budget: Budget = field(default_factory=Budget)
    used: Cost = field(default_factory=Cost)
    reused: int = 0
    completion_tokens: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    _reserved: Cost = field(default_factory=Cost)
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    async def reserve(self, cost: Cost) -> None:
        """Reserves `cost`. Waits until requests in flight return their unused reservations, if necessary.

        Raises `Unfinished` if the budget is too small for `cost`.
        """
        while spent := self._over(cost):
            # No request in flight can return a part of its reservation.
            if self._reserved.requests == 0:
                raise Unfinished(
                    f"the budget of {spent} is spent{self._spent_on()}.",
                    where="budget",
                    hint="Raise the budget and run the same command again to continue. `--dry-run` shows the"
                    " requests that each stage still needs.",
                )
            self._freed.clear()
            await self._freed.wait()
        self._reserved.add(cost)

    def book(self, reserved: Cost, used: Cost) -> None:
        """Replaces a request's reservation by its actual usage."""
        self._reserved.add(reserved, -1)
        self.used.add(used)
        self._freed.set()

    def _spent_on(self) -> str:
        stages = ", ".join(f"{stage} {count:,}" for stage, count in self.asked.most_common())
        return f" (requests of this call: {stages})" if stages else ""

    def _over(self, cost: Cost) -> str | None:
        limit = self.budget
        if limit.requests is not None and self.used.requests + self._reserved.requests + 1 > limit.requests:
            return f"{limit.requests} requests"
        if limit.tokens is not None and self.used.tokens + self._reserved.tokens + cost.tokens > limit.tokens:
            return f"{limit.tokens} tokens"
        if limit.usd is not None and self.used.usd + self._reserved.usd + cost.usd > limit.usd:
            return f"{limit.usd:g} usd"
        return None


def usd(price: Price | None, usage: Usage) -> float:
    """US dollars; 0 if the recipe has no price."""
    if price is None:
        return 0.0
    return (usage.prompt * price.prompt + usage.completion * price.completion) / 1e6
