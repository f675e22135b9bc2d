"""Runs against the real vLLM server (its CPU build with SmolLM2-135M), started by `synth serve`."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import jsonschema
import pytest
from served import (
    KEY,
    MODEL,
    REPOSITORY,
    Served,
    command,
    run,
    seeds,
    vllm_variables,
    write_lines,
    write_recipe,
)

from synth.llm.chat_completions import read_reply
from synth.prompts import read_prompt
from synth.store import RunFolder
from synth.store.journal import read_records

# More than the server works on at once, so that there is a half-way.
PROMPTS = 160

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]


def test_every_answer_keeps_to_the_schema(served: Served, tmp_path: Path) -> None:
    write_lines(tmp_path / "seeds.jsonl", seeds(12))
    sampling = {"temperature": 0.8, "max_tokens": 300}
    stages = [{"generate": {"count": 4, "shots": 2, "shots_from_drafts": 0, "sampling": sampling}}]
    summary = run(write_recipe(tmp_path, served.model, stages, {"seeds": "seeds.jsonl"}))
    assert summary["accepted"] == 4
    prompt = REPOSITORY / "prompts" / "generate" / "self_instruct.md"
    schema = read_prompt(prompt, "self_instruct").schema
    replies = [
        read_reply(record.reply) for _, record in read_records(RunFolder(Path(summary["run"])).journal)
    ]
    whole = [reply for reply in replies if not reply.cut]
    assert len(whole) >= 4
    for reply in whole:
        jsonschema.validate(json.loads(reply.text), schema)


def test_the_key_is_asked_for_and_shown_nowhere(served: Served) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(f"{served.url}/models")
    refused.value.close()
    assert KEY not in served.command_line()
    assert KEY not in (served.folder / "serve.log").read_text()


def test_no_request_carries_a_seed_by_default(served: Served) -> None:
    assert served.requests("asked")
    assert not [body for body in served.requests("asked") if "seed" in body]


def tokens_of(server: Served, messages: list[dict[str, str]]) -> list[int]:
    """What the server makes of a prompt."""
    body = json.dumps({"model": str(MODEL), "messages": messages}).encode()
    request = urllib.request.Request(
        server.url.removesuffix("/v1") + "/tokenize", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return list(json.load(answer)["tokens"])


def most_that_can_hit(prompts: list[list[int]]) -> float:
    """The share of tokens that a perfect cache would find: all that an earlier prompt began with, too."""
    seen = {tuple(prompt[:end]) for prompt in prompts for end in range(1, len(prompt) + 1)}
    return 1 - len(seen) / sum(map(len, prompts))


def test_scoring_finds_its_rubric_in_the_prefix_cache(served: Served, tmp_path: Path) -> None:
    write_lines(tmp_path / "seeds.jsonl", seeds(40))
    before = len(served.requests("asked"))
    summary = run(write_recipe(tmp_path, served.model, [{"score": {}}], {"seeds": "seeds.jsonl"}))
    asked = served.requests("asked")[before:]
    assert len(asked) >= 40
    prompts = [tokens_of(served, body["messages"]) for body in asked]
    assert summary["prefix_queries"] == sum(map(len, prompts))
    reached = summary["prefix_hits"] / summary["prefix_queries"]
    assert reached >= 0.8 * most_that_can_hit(prompts)


def test_killed_half_way_and_started_again(served: Served, tmp_path: Path) -> None:
    """The run goes on by itself when the server is back; nothing that was answered is asked again."""
    prompts = [{"instruction": f"Write two sentences about the number {i}."} for i in range(PROMPTS)]
    write_lines(tmp_path / "prompts.jsonl", prompts)
    sampling = {"temperature": 0.0, "max_tokens": 24}
    stages = [{"respond": {"sampling": sampling, "attempts": 1}}]
    recipe = write_recipe(tmp_path, served.model, stages, {"prompts": "prompts.jsonl"})
    before = len(served.requests("answered"))
    with subprocess.Popen(command(recipe), stdout=subprocess.PIPE, cwd=tmp_path, text=True,
                          env=vllm_variables(tmp_path)) as running:  # fmt: skip
        while len(served.requests("answered")) < before + 12:
            assert running.poll() is None, "it ended before the server was killed"
            time.sleep(0.2)
        code, words = served.kill()
        assert code == 3
        assert f"exit code {-signal.SIGKILL}" in words
        answered = len(served.requests("answered")) - before
        assert 12 <= answered < PROMPTS
        served.start()
        summary = json.loads(running.communicate(timeout=600)[0])
    assert running.returncode in (0, 1)
    assert summary["pending"] == 0
    assert summary["accepted"] + sum(summary["dropped"].values()) == PROMPTS
    assert summary["failed"] == 0
    assert summary["requests"] == PROMPTS
    assert not served.asked_after_an_answer(within="Write two sentences")
