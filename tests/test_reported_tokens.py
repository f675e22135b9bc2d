"""The tokens that a server reports do not change which stored replies are valid."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from synth.api import run_with_result
from synth.errors import Unfinished
from synth.llm.base import Request
from synth.store.run import RunStore
from tests.odd_server import Answer, OddServer, good_reply

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def recipe(desk: Path, server: OddServer) -> Path:
    text = desk.read_text().replace("{provider: fake}", f"{{model: fake, base_url: '{server.url}'}}")
    text = text.replace("{provider: fake, model: judge}", f"{{model: fake, base_url: '{server.url}'}}")
    desk.write_text(text)
    return desk


def one_more_than_allowed(body: bytes) -> Answer:
    reply = good_reply(body)
    reply["usage"]["completion_tokens"] = orjson.loads(body)["max_tokens"] + 1
    return 200, {}, orjson.dumps(reply)


def test_an_edit_costs_only_what_it_changes(recipe: Path, server: OddServer, tmp_path: Path) -> None:
    server.answer = one_more_than_allowed
    first = run_with_result(recipe, tmp_path / "run", settings=["stages.generate.count=10"])
    assert first.error is None
    before = set(server.asked)
    server.asked.clear()
    second = run_with_result(recipe, tmp_path / "run", settings=["stages.generate.count=11"])
    assert second.error is None
    assert second.summary["requests"] == len(server.asked) <= 4
    assert not before & set(server.asked)


def test_an_interrupted_run_goes_forward(recipe: Path, server: OddServer, tmp_path: Path) -> None:
    server.answer = one_more_than_allowed
    for budget in (20, 40, 60):
        run_with_result(recipe, tmp_path / "run", settings=[f"budget.requests={budget}"])
        assert len(server.asked) == len(set(server.asked)) == budget


@pytest.mark.parametrize(
    ("finish", "given", "reported", "wanted", "answers"),
    [
        ("stop", 32, 33, 32, True),
        ("stop", 32, 33, 64, True),
        ("stop", 32, 0, 16, True),
        ("stop", 32, 10, 16, True),
        ("stop", 32, 20, 16, False),
        ("length", 32, 32, 32, True),
        ("length", 32, 33, 32, True),
        ("length", 32, 32, 64, False),
        ("length", 32, 10, 16, False),
    ],
)
def test_which_answers_are_still_answers(
    finish: str, given: int, reported: int, wanted: int, answers: bool, tmp_path: Path
) -> None:
    choice = {"message": {"role": "assistant", "content": "Yes."}, "finish_reason": finish}
    reply = orjson.dumps({"choices": [choice], "usage": {"completion_tokens": reported}})

    async def look() -> bool:
        store = RunStore(tmp_path / "run", "lookup")
        store.start()
        try:
            await store.append(Request([], "a-model", given), reply)
            return store.find(Request([], "a-model", wanted)) is not None
        finally:
            store.close()

    assert asyncio.run(look()) is answers


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -900, "completion_tokens": -900}])
def test_a_budget_holds_where_the_server_does_not_count(
    usage: object, recipe: Path, server: OddServer, tmp_path: Path
) -> None:
    def uncounted(body: bytes) -> Answer:
        return 200, {}, orjson.dumps({**good_reply(body), "usage": usage})

    server.answer = uncounted
    result = run_with_result(recipe, tmp_path / "run", settings=["budget.tokens=20000"])
    assert isinstance(result.error, Unfinished)
    assert 10_000 < sum(result.summary["tokens"].values()) <= 20_000
    again = run_with_result(recipe, tmp_path / "run", settings=["budget.tokens=20000"])
    assert isinstance(again.error, Unfinished)
    assert sum(again.summary["total"]["tokens"].values()) <= 20_000
