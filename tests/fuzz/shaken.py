"""A scripted model for random recipes: its replies depend only on the request, and come after a random delay.

The fake model's texts have no meaning, so hardly a rewording or a quote of it would pass its stage. This one
rewords, quotes and asks about what it is shown.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson

from synth.llm.base import Reply, Request
from synth.llm.fake import FakeConfig
from synth.llm.fake.client import FakeClient, FakeFaults
from synth.llm.fake.replies import finish_reply
from synth.recipe.model import Recipe

_ANSWERS = ("Yes, on weekdays.", "No.", "Ask at the desk, and bring the receipt.")
_ASKS = ("Please tell me: {}", "Could you say this? {}", "I want to know: {}", "{} Thanks!")


@dataclass
class Shaker:
    """How long answers take, and the end of the process after so many of them."""

    rng: Random | None = None
    kill_after: int | None = None
    asked: list[str] = field(default_factory=list)

    async def pause(self, request: Request) -> None:
        self.asked.append(request.identity)
        if self.kill_after is not None and len(self.asked) > self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.rng is None:
            return
        luck = self.rng.random()
        if luck < 0.5:
            for _ in range(self.rng.randint(0, 8)):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(0.03 if luck > 0.98 else self.rng.random() * 0.003)

    def clients(self, recipe: Recipe, say: Callable[[str], None]) -> dict[str, ShakenClient]:
        """In the place of `synth.pipeline.build.build_clients`."""
        return {name: ShakenClient(config, self) for name, config in recipe.models.items()}


class ShakenClient(FakeClient):
    def __init__(self, config: Any, shaker: Shaker) -> None:
        assert isinstance(config, FakeConfig)
        faults = FakeFaults(fail=config.fail, cut=config.cut, broken=config.broken)
        super().__init__(config.model, faults=faults)
        self._shaker = shaker

    async def ask(self, request: Request) -> bytes:
        await self._shaker.pause(request)
        return await super().ask(request)

    def _scripted(self, request: Request) -> Reply | None:
        text = _text(request, Random(request.identity))
        if text is None:
            return None
        return finish_reply(request.messages, text, max_tokens=request.max_tokens, model=self.model)


def _text(request: Request, rng: Random) -> str | None:
    """None where the fake model's own reply does."""
    system, last = str(request.messages[0]["content"]), str(request.messages[-1]["content"])
    asked = request.schema["properties"] if request.schema else {}
    if "equal" in asked:
        return orjson.dumps({"equal": rng.random() < 0.2}).decode()
    if "<quote>...</quote>" in system:
        told = f"<quote>{_quote(last, rng)}</quote>\n<answer>{rng.choice(_ANSWERS)}</answer>"
        return told if rng.random() < 0.7 else "NOT FOUND"
    if system.startswith("You play a person") and rng.random() < 0.2:
        return "[done]"
    if "pairs" in asked:
        shown = last.partition("<text>")[2] or last
        pairs = [_pair(shown, rng) for _ in range(rng.randint(0, 3))]
        return orjson.dumps({"pairs": pairs}).decode()
    if system.startswith("You reword the requests"):
        before = last.rpartition("Request:\n")[2].rpartition("\n\nReword it")[0]
        return rng.choice(_ASKS).format(before) if rng.random() < 0.8 else before
    if system.startswith("You are shown a text. Write the request"):
        return _question(last.rpartition("\nText")[2], rng)
    if not request.schema and not request.logprobs and rng.random() < 0.25:
        return rng.choice(_ANSWERS)
    return None


def _pair(text: str, rng: Random) -> dict[str, str]:
    said = {"question": _question(text, rng), "answer": rng.choice(_ANSWERS), "quote": _quote(text, rng)}
    return {"kind": "fact", **said}


def _question(text: str, rng: Random) -> str:
    found = sorted(set(re.findall(r"[a-z]{5,}", text))) or ["receipt"]
    return (
        f"How do I {rng.choice(['find', 'mend', 'sell'])} the {rng.choice(found)} with a {rng.choice(found)}?"
    )


def _quote(text: str, rng: Random) -> str:
    return rng.choice(re.findall(r"[A-Z][^.\n]{20,}\.", text) or [text]) if rng.random() < 0.9 else "Nowhere."
