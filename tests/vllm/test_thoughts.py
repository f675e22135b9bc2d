"""A reasoning model on the real vLLM server, behind `--reasoning-parser qwen3`: thinking switched on and off.

What the model says is held to a pattern, and vLLM ends its thoughts, so that nothing depends on luck.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import MODEL, Served, require_vllm, run, seeds, write_lines, write_recipe
from thinker import DIGITS, END_OF_THINKING, END_OF_TURN, make_thinker

import synth
from synth.llm.base import Json
from synth.store import RunFolder
from synth.store.journal import read_records

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

OFF: Json = {"chat_template_kwargs": {"enable_thinking": False}}
# Six tokens of thought, and then the answer; the model would rather end its turn at once.
BRIEFLY: Json = {"thinking_token_budget": 6, "logit_bias": {END_OF_TURN: -20}}
FOR_EVER: Json = {"logit_bias": {END_OF_TURN: -100, END_OF_THINKING: -100}}
WORD = r"[A-Z][a-z]{2,5}\."


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    require_vllm()
    folder = tmp_path_factory.mktemp("thinker")
    make_thinker(MODEL, folder / "model")
    # Else a small model can write blanks between the parts of an object for as long as it likes.
    compact = json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})
    flags = ["--reasoning-parser", "qwen3", "--structured-outputs-config", compact]
    server = Served(folder, folder / "model", flags)
    server.start()
    yield server
    server.stop()


def answered(folder: Path, server: Served, extra_body: Json, max_tokens: int = 40) -> Json:
    """The row of one prompt that the model answered with `extra_body`."""
    write_lines(folder / "prompts.jsonl", [{"instruction": "Name a colour."}])
    options = {"attempts": 1, "sampling": {"temperature": 0.0, "max_tokens": max_tokens}}
    model = {**server.model, "extra_body": extra_body}
    summary = run(write_recipe(folder, model, [{"respond": options}], {"prompts": "prompts.jsonl"}))
    (row,) = synth.open(summary["run"]).rows()
    return row


def said(row: Json) -> str:
    return str(row["messages"][-1]["content"])


def test_switched_off_there_is_an_answer_alone(thinker: Served, tmp_path: Path) -> None:
    row = answered(tmp_path, thinker, {**OFF, "structured_outputs": {"regex": WORD}})
    assert re.fullmatch(WORD, said(row))
    assert row["reasoning"] is None


def test_what_it_thinks_is_kept_apart_from_the_answer(thinker: Served, tmp_path: Path) -> None:
    row = answered(tmp_path, thinker, {**BRIEFLY, "structured_outputs": {"regex": WORD}})
    assert re.fullmatch(WORD, said(row))
    assert row["reasoning"]
    assert row["reasoning"] not in said(row)


def test_thoughts_that_use_up_max_tokens_are_no_answer(thinker: Served, tmp_path: Path) -> None:
    row = answered(tmp_path, thinker, FOR_EVER, max_tokens=6)
    assert (row["status"], row["reason"]) == ("dropped", "cut")
    assert "max_tokens ended the thinking" in row["detail"]
    assert [message["role"] for message in row["messages"]] == ["user"]


def scored(folder: Path, server: Served, extra_body: Json, **options: Any) -> tuple[list[Json], list[Json]]:
    """Events of `score` over two seeds, and the bodies of all replies."""
    write_lines(folder / "seeds.jsonl", seeds(2))
    model = {**server.model, "context": 2048, "extra_body": extra_body}
    stages = [{"score": {"sampling": {"temperature": 0.0}, **options}}]
    summary = run(write_recipe(folder, model, stages, {"seeds": "seeds.jsonl"}))
    events = [row["history"][-1] for row in synth.open(summary["run"])]
    journal = read_records(RunFolder(Path(summary["run"])).journal)
    return events, [json.loads(record.reply) for _, record in journal]


def contents(replies: list[Json]) -> list[str | None]:
    return [reply["choices"][0]["message"]["content"] for reply in replies]


def test_a_score_without_thinking_is_read_from_probabilities(thinker: Served, tmp_path: Path) -> None:
    events, replies = scored(tmp_path, thinker, {**OFF, "structured_outputs": {"regex": "[1-5]"}})
    assert len(replies) == 3
    for event in events:
        assert event["did"] == ["logprobs"]
        assert 1 <= event["score"] <= 5
        assert event["reasoning"] is None


def test_a_score_after_thinking_is_the_number_of_the_answer(thinker: Served, tmp_path: Path) -> None:
    """The answer is JSON of the rubric's schema: the grammar begins where the thoughts end."""
    events, replies = scored(tmp_path, thinker, BRIEFLY)
    assert len(replies) == 3
    written = [json.loads(content or "")["score"] for content in contents(replies)[1:]]
    assert sorted(event["score"] for event in events) == sorted(written)
    for event in events:
        assert event["did"] == ["text"]
        assert event["reasoning"]


def test_probabilities_of_thoughts_are_never_read(thinker: Served, tmp_path: Path) -> None:
    """Digits are all that it thinks, and it never comes to an answer: where is a score to come from?"""
    events, replies = scored(
        tmp_path, thinker, {"allowed_token_ids": DIGITS}, score_from="logprobs", attempts=1
    )
    assert contents(replies) == [None, None]
    assert all(re.fullmatch("[1-5]+", reply["choices"][0]["message"]["reasoning"]) for reply in replies)
    for event in events:
        assert event["did"] == ["not_scored"]
        assert "max_tokens ended the thinking" in event["detail"]


def test_probabilities_after_thoughts_are_those_of_the_answer(thinker: Served, tmp_path: Path) -> None:
    body = {**BRIEFLY, "structured_outputs": {"regex": "[1-5]"}}
    sampling = {"temperature": 0.0, "max_tokens": 20}
    events, replies = scored(tmp_path, thinker, body, score_from="logprobs", sampling=sampling)
    for reply in replies:
        assert reply["choices"][0]["message"]["reasoning"]
        assert re.fullmatch("[1-5]", reply["choices"][0]["message"]["content"])
    for event in events:
        assert event["did"] == ["logprobs"]
        assert event["mass"] > 0.5
