"""Two rows that ask the same at the same time: one request, and the same end for both."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from synth.api import run_with_result
from synth.llm.base import Request, RequestFailed
from synth.llm.budget import BudgetLedger
from synth.llm.fake import FakeConfig
from synth.llm.fake.client import FakeClient
from synth.llm.model import Completion, Model
from synth.recipe.base import Sampling

MESSAGES = [{"role": "user", "content": "Which plan has calendar sync?"}]


class Nothing:
    """A journal in which nothing stands."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def find(self, request: Request) -> None:
        return None

    def append(self, request: Request, raw: bytes, *, failed: bool = False) -> asyncio.Future[None]:
        self.written.append(raw)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def model(journal: Nothing, **faults: float) -> Model:
    client = FakeClient(delay=0.01, faults=faults)
    return Model("writer", FakeConfig(provider="fake"), client, journal, BudgetLedger())


def test_whoever_waits_for_a_request_that_fails_is_told_the_same() -> None:
    journal = Nothing()

    async def ask_thrice() -> list[object]:
        asking = model(journal, fail=1.0)
        same = (asking.ask(MESSAGES, Sampling()) for _ in range(3))
        return list(await asyncio.gather(*same, return_exceptions=True))

    ends = asyncio.run(ask_thrice())
    assert [type(end) for end in ends] == [RequestFailed] * 3
    assert len(journal.written) == 1


def stop(journal: Nothing, stopped: int) -> list[asyncio.Task[Completion]]:
    """Two tasks that ask the same, of which the first `stopped` are stopped on the way."""

    async def ask_twice() -> list[asyncio.Task[Completion]]:
        asking = model(journal)
        both = [asyncio.ensure_future(asking.ask(MESSAGES, Sampling())) for _ in range(2)]
        await asyncio.sleep(0)
        for task in both[:stopped]:
            task.cancel()
        await asyncio.wait(both)
        return both

    return asyncio.run(ask_twice())


def test_whoever_waits_for_a_request_that_is_given_up_asks_for_itself() -> None:
    journal = Nothing()
    first, second = stop(journal, 1)
    assert first.cancelled()
    assert second.result().reply.text
    assert len(journal.written) == 1


def test_whoever_is_to_end_does_not_ask_again() -> None:
    journal = Nothing()
    assert all(task.cancelled() for task in stop(journal, 2))
    assert not journal.written


@pytest.mark.timeout(60)
def test_rows_with_one_request_that_fails_all_fail(desk: Path) -> None:
    """They differ in their tools alone, which no request holds."""
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("look", "find")]
    rows = [{"messages": MESSAGES, "tools": [tool]} for tool in tools]
    (desk.parent / "prompts.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    desk.write_text(
        "name: desk\nmodels: {writer: {provider: fake, fail: 1.0, delay: 0.01}}\n"
        "sources: {prompts: prompts.jsonl}\nstages: [{respond: {}}, {dedupe: {}}]\n"
    )
    result = run_with_result(desk)
    assert result.error is None
    assert (result.summary["failed"], result.summary["pending"]) == (2, 0)
    assert result.summary["requests"] == 1
