"""The budget of a run: what requests may use, and what they used."""

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
    """What requests used, or may use."""

    requests: int = 0
    tokens: int = 0
    usd: float = 0.0

    def add(self, other: Cost, sign: int = 1) -> None:
        """Adds `other`, or takes it away."""
        self.requests += sign * other.requests
        self.tokens += sign * other.tokens
        self.usd += sign * other.usd


@dataclass
class BudgetLedger:
    """Keeps all calls of a run together inside the budget. `used` holds earlier calls', too; `asked` counts
    this call's requests by stage.
    """

    budget: Budget = field(default_factory=Budget)
    used: Cost = field(default_factory=Cost)
    reused: int = 0
    completion_tokens: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    _reserved: Cost = field(default_factory=Cost)
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    async def reserve(self, cost: Cost) -> None:
        """Sets `cost` aside; waits for requests under way to give back what they did not need.

        Raises `Unfinished` where the budget cannot hold it.
        """
        while spent := self._over(cost):
            if self._reserved.requests == 0:
                raise Unfinished(
                    f"the budget of {spent} is spent{self._spent_on()}.",
                    where="budget",
                    hint="Raise it and run the same command again to go on; with `--dry-run`, it says what"
                    " every stage still asks.",
                )
            self._freed.clear()
            await self._freed.wait()
        self._reserved.add(cost)

    def book(self, reserved: Cost, used: Cost) -> None:
        """Books what a request really used in the place of what was set aside for it."""
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
    """US dollars; nothing where the recipe names no price."""
    if price is None:
        return 0.0
    return (usage.prompt * price.prompt + usage.completion * price.completion) / 1e6
