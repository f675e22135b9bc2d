"""Models that think before they answer, on the loopback server: thinking is never used as an answer or
score.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from desks import EmptyJournal, desk, requests, rows, run

import synth
from synth.llm.base import Json, Reply, Request, Usage
from synth.llm.budget import BudgetLedger
from synth.llm.chat_completions import write_reply
from synth.llm.fake import FakeConfig
from synth.llm.fake.client import FakeClient
from synth.llm.model import Model
from synth.recipe.base import Sampling
from tests.odd_server import Answer, OddServer
from tests.support.loopback.process import LoopbackProcess

SCORES: list[Any] = [{"score": {}}]


def thinkers(folder: Path, server: LoopbackProcess, stages: list[Any], **model: Any) -> Path:
    """A recipe with one prompt, or one seed to score, whose writer and judge think at the server."""
    server.control(reasoning="field")
    (folder / "prompts.jsonl").write_text(json.dumps({"instruction": "Why is the sky blue?"}))
    (folder / "seeds.jsonl").write_text(json.dumps({"instruction": "Why?", "response": "Because."}))
    kind = "seeds" if stages is SCORES else "prompts"
    writer = {"model": "fake", "base_url": server.url, **model}
    return desk(folder, stages, [], sources={kind: f"{kind}.jsonl"}, models={"writer": writer})


def test_an_answer_without_its_thoughts(tmp_path: Path, loopback: LoopbackProcess) -> None:
    recipe = thinkers(tmp_path, loopback, [{"respond": {}}])
    assert run(recipe).error is None
    (row,) = rows(recipe, status="kept")
    assert row["reasoning"]
    assert row["reasoning"] not in json.dumps(row["messages"])


def test_thoughts_that_use_up_max_tokens_are_no_answer(tmp_path: Path, loopback: LoopbackProcess) -> None:
    recipe = thinkers(tmp_path, loopback, [{"respond": {"attempts": 2}}], sampling={"max_tokens": 4})
    assert run(recipe).error is None
    (row,) = rows(recipe)
    assert (row["status"], row["reason"]) == ("dropped", "cut")
    assert "max_tokens ended the thinking before the answer began" in row["detail"]
    assert len(requests(recipe)) == 2


def test_a_judge_that_thinks_gets_room_and_its_number_is_read(
    tmp_path: Path, loopback: LoopbackProcess
) -> None:
    recipe = thinkers(tmp_path, loopback, SCORES)
    assert run(recipe).error is None
    (seed,) = [row for row in synth.open(recipe).rows() if row["lineage"]["origin"] == "seed"]
    assert 1 <= seed["scores"]["quality"] <= 5
    (event,) = seed["history"]
    assert (event["did"], bool(event["reasoning"])) == (["text"], True)
    asked = bodies(loopback)
    assert [body["max_tokens"] for body in asked] == [32, 4096 + 32]
    assert ["logprobs" in body for body in asked] == [True, False]


def test_the_room_to_think_is_a_part_of_the_context(tmp_path: Path, loopback: LoopbackProcess) -> None:
    recipe = thinkers(tmp_path, loopback, SCORES, context=2048)
    assert run(recipe).error is None
    assert [body["max_tokens"] for body in bodies(loopback)] == [32, 1024 + 32]


def test_a_judge_without_room_to_think_says_what_to_do(tmp_path: Path, loopback: LoopbackProcess) -> None:
    recipe = thinkers(tmp_path, loopback, SCORES, sampling={"max_tokens": 8})
    assert run(recipe).error is None
    (seed,) = [row for row in synth.open(recipe).rows() if row["lineage"]["origin"] == "seed"]
    assert not seed["scores"]
    assert "raise `sampling.max_tokens`, or switch thinking off" in seed["history"][0]["detail"]


def bodies(server: LoopbackProcess) -> list[Json]:
    """What the server was asked, in order."""
    return [each["body"] for each in server.log(bodies=True)["bodies"]]


THOUGHT = " ".join(["hm"] * 1500)


def thinker(server: OddServer, folder: Path, count: int, **model: Any) -> Path:
    """A recipe whose writer thinks 1,500 tokens about every second question, and then answers."""

    def answer(body: bytes) -> Answer:
        asked = orjson.loads(body)
        number = int(asked["messages"][-1]["content"].split()[-1])
        thought = THOUGHT.split()[: asked["max_tokens"]] if number % 2 == 0 else []
        # The others answer with 1,200 tokens, without thinking.
        text = ["word"] * (1200 if number % 4 == 1 else 5)
        text = text[: asked["max_tokens"] - len(thought)]
        cut = len(thought) + len(text) == asked["max_tokens"]
        usage = Usage(8, len(thought) + len(text))
        reply = Reply(" ".join(text), "length" if cut else "stop", usage, " ".join(thought) or None)
        return 200, {}, write_reply(reply)

    server.answer = answer
    lines = [json.dumps({"instruction": f"Question {n}"}) for n in range(count)]
    (folder / "prompts.jsonl").write_text("\n".join(lines))
    writer = {"model": "fake", "base_url": server.url, **model}
    sources = {"prompts": "prompts.jsonl"}
    return desk(folder, [{"respond": {"attempts": 1}}], [], sources=sources, models={"writer": writer})


def limits(server: OddServer) -> list[int]:
    return [orjson.loads(body)["max_tokens"] for body in server.asked]


def test_a_writer_that_thinks_gets_room_without_being_told(tmp_path: Path, server: OddServer) -> None:
    """Its thinking is longer than the default limit of 1,024 tokens."""
    recipe = thinker(server, tmp_path, 1)
    assert run(recipe).error is None
    (row,) = rows(recipe, status="kept")
    assert row["messages"][-1]["content"] == "word word word word word"
    assert row["lineage"]["sampling"]["max_tokens"] == 1024 + 4096
    assert limits(server) == [1024, 5120]


class Thinker(FakeClient):
    """Thinks 1,500 tokens about even questions; answers others at once, with 1,200 tokens or with 5."""

    def __init__(self) -> None:
        super().__init__(delay=0.01)
        self.limits: list[int] = []

    def _answer(self, request: Request, chance: object) -> Reply:
        self.limits.append(request.max_tokens)
        number = int(request.messages[-1]["content"])
        thought = (THOUGHT if number % 2 == 0 else "").split()[: request.max_tokens]
        text = (["word"] * (1200 if number % 4 == 1 else 5))[: request.max_tokens - len(thought)]
        tokens = len(thought) + len(text)
        finish = "length" if tokens == request.max_tokens else "stop"
        return Reply(" ".join(text), finish, Usage(8, tokens), " ".join(thought) or None)


@pytest.mark.parametrize("order", [range(12), range(11, -1, -1)])
def test_a_reply_does_not_depend_on_when_the_thinking_was_noticed(order: range) -> None:
    """All at once, nothing is known when a request is sent. One after the other, the first reply tells."""

    async def replies(*, together: bool) -> tuple[list[tuple[str, bool, str, int]], list[int]]:
        client = Thinker()
        model = Model("writer", FakeConfig(provider="fake"), client, EmptyJournal(), BudgetLedger())
        asking = [model.ask([{"role": "user", "content": str(n)}], Sampling()) for n in order]
        done = await asyncio.gather(*asking) if together else [await each for each in asking]
        # No stage reads the text of a cut reply.
        texts = ["" if c.reply.cut else c.reply.text for c in done]
        parts = [(c.reply.cut, c.request.identity, c.request.max_tokens) for c in done]
        return [(text, *part) for text, part in zip(texts, parts, strict=True)], client.limits

    together, all_limits = asyncio.run(replies(together=True))
    singly, limits = asyncio.run(replies(together=False))
    assert together == singly
    # Six are asked for again, or only the first one.
    assert Counter(all_limits) == {1024: 12, 5120: 6}
    assert Counter(limits)[1024] <= 2
    # Answers without thinking that are longer than the limit are cut in both.
    assert [cut for _, cut, *_ in together] == [n % 4 == 1 for n in order]


def test_what_was_answered_with_room_to_think_is_not_asked_again(tmp_path: Path, server: OddServer) -> None:
    recipe = thinker(server, tmp_path, 6)
    assert run(recipe).error is None
    asked = len(server.asked)
    before = list(synth.open(recipe).rows())
    for file in (tmp_path / "runs" / "machines").glob("rows.sqlite*"):
        file.unlink()
    assert run(recipe).error is None
    assert len(server.asked) == asked
    assert list(synth.open(recipe).rows()) == before


def test_a_limit_in_the_recipe_is_the_limit(tmp_path: Path, server: OddServer) -> None:
    recipe = thinker(server, tmp_path, 1, sampling={"max_tokens": 1024})
    assert run(recipe).error is None
    assert [row["reason"] for row in rows(recipe)] == ["cut"]
    assert limits(server) == [1024]


def test_the_room_of_a_small_context_is_smaller(tmp_path: Path, server: OddServer) -> None:
    recipe = thinker(server, tmp_path, 1, context=4096)
    assert run(recipe).error is None
    assert limits(server) == [1024, 1024 + 2048]


def test_a_listwise_judge_that_thinks_gets_room(tmp_path: Path, server: OddServer) -> None:
    def answer(body: bytes) -> Answer:
        thought = THOUGHT.split()[: orjson.loads(body)["max_tokens"]]
        text = '{"scores": [4]}' if len(thought) == 1500 else ""
        usage = Usage(8, len(thought) + len(text.split()))
        return 200, {}, write_reply(Reply(text, "stop" if text else "length", usage, " ".join(thought)))

    server.answer = answer
    (tmp_path / "seeds.jsonl").write_text(json.dumps({"instruction": "Why?", "response": "Because."}))
    judge = {"model": "fake", "base_url": server.url}
    stages = [{"score": {"listwise": True}}]
    recipe = desk(tmp_path, stages, [], sources={"seeds": "seeds.jsonl"}, models={"writer": judge})
    assert run(recipe).error is None
    (row,) = synth.open(recipe).rows()
    assert row["scores"] == {"quality_together": 4.0}
    assert limits(server) == [1024, 1024 + 4096]
