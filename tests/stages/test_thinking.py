"""Models that think before they answer, on the loopback server: thinking is never used as an answer or
score.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from desks import desk, requests, rows, run

import synth
from synth.llm.base import Json
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
