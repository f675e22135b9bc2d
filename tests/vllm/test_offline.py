"""`provider: vllm`: the real engine (its CPU build) without a server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from served import (
    MODEL,
    Served,
    command,
    require_vllm,
    run,
    seeds,
    vllm_variables,
    write_lines,
    write_recipe,
)

from synth.api import export
from synth.llm.base import Reply, Request, RequestFailed
from synth.llm.vllm.client import VllmClient

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

OFFLINE = {"provider": "vllm", "model": str(MODEL), "context": 2048, "engine": {"enforce_eager": True}}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def exported(summary: dict[str, Any]) -> dict[str, bytes]:
    folder = export(summary["run"]).folder
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_the_same_rows_as_the_served_model_at_temperature_0(served: Served, tmp_path: Path) -> None:
    sampling = {"temperature": 0.0, "max_tokens": 40}
    stages = [{"respond": {"attempts": 1, "sampling": sampling}}, {"score": {}}]
    exports = []
    for name, model in (("online", {**served.model, "context": 2048}), ("offline", OFFLINE)):
        folder = tmp_path / name
        folder.mkdir()
        prompts = [{"instruction": f"Name one thing that is number {i} of its kind."} for i in range(16)]
        write_lines(folder / "prompts.jsonl", prompts)
        write_lines(folder / "seeds.jsonl", seeds(8))
        recipe = write_recipe(folder, model, stages, {"prompts": "prompts.jsonl", "seeds": "seeds.jsonl"})
        summary = run(recipe)
        assert summary["accepted"] > 0
        assert summary["prefix_hits"] > 0
        exports.append(exported(summary))
    assert exports[0] == exports[1]


def test_what_a_request_asks_for_is_what_it_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema, log-probabilities, a stop, a cut; a prompt too long and a schema unknown fail alone."""
    require_vllm()
    for name, value in vllm_variables(tmp_path).items():
        monkeypatch.setenv(name, value)

    def asked(text: str, **more: Any) -> Request:
        wanted: dict[str, Any] = {"max_tokens": 24, "sampling": {"temperature": 0.0}} | more
        return Request([{"role": "user", "content": text}], str(MODEL), **wanted)

    requests = [
        asked("Describe a person.", schema=PERSON, max_tokens=80),
        asked("Name a colour.", logprobs=5),
        asked("Tell me about numbers.", sampling={"temperature": 0.0, "stop": ["."]}, max_tokens=60),
        asked("Write a long essay about rivers.", max_tokens=7),
        asked("word " * 3000),
        asked("Count.", schema={"type": "nonsense"}),
        asked("Sing.", extra_body={"no_such_parameter": 1}),
    ]

    async def ask_all() -> list[bytes | BaseException]:
        client = VllmClient(str(MODEL), context=2048, engine={"enforce_eager": True})
        await client.open()
        try:
            return await asyncio.gather(*map(client.ask, requests), return_exceptions=True)
        finally:
            await client.close()

    answers = asyncio.run(ask_all())
    person, colour, stopped, cut = (_read(answer) for answer in answers[:4])
    assert json.loads(person.text).keys() == {"name", "age"}
    # As vLLM's server does it, the token that ends the answer is among the choices, and not in the text.
    *said, end = (choice.token for choice in colour.logprobs)
    assert end == "<|im_end|>"
    assert "".join(said).strip() == colour.text.strip()
    assert all(len(choice.top) == 5 and choice.logprob <= 0 for choice in colour.logprobs)
    assert "." not in stopped.text
    assert cut.cut
    assert cut.usage.completion == 7
    assert all(isinstance(answer, RequestFailed) for answer in answers[4:]), answers[4:]
    assert "takes 2048 in all" in str(answers[4])


def _read(answer: bytes | BaseException) -> Reply:
    assert isinstance(answer, bytes), answer
    return VllmClient(str(MODEL)).read(answer)


def test_a_model_that_is_not_there_is_said_in_one_paragraph(tmp_path: Path) -> None:
    require_vllm()
    model = {**OFFLINE, "model": "nobody/nothing"}
    write_lines(tmp_path / "prompts.jsonl", [{"instruction": "Hello?"}])
    recipe = write_recipe(tmp_path, model, [{"respond": {}}], {"prompts": "prompts.jsonl"})
    done = subprocess.run(
        command(recipe), capture_output=True, text=True, check=False, env=vllm_variables(tmp_path)
    )
    assert done.returncode == 3
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "unreachable"
    assert error["where"] == "nobody/nothing"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("python", [sys.executable, "/no/such/python"])
def test_where_there_is_no_vllm_the_command_to_type_is_named(tmp_path: Path, python: str) -> None:
    write_lines(tmp_path / "prompts.jsonl", [{"instruction": "Hello?"}])
    recipe = write_recipe(tmp_path, OFFLINE, [{"respond": {}}], {"prompts": "prompts.jsonl"})
    variables = {**vllm_variables(tmp_path), "SYNTH_VLLM_PYTHON": python}
    done = subprocess.run(command(recipe), capture_output=True, text=True, check=False, env=variables)
    assert done.returncode == 3
    error = json.loads(done.stdout)["error"]
    if python == sys.executable:
        assert "pip install 'vllm>=0.20'" in error["hint"]
    else:
        assert error["where"] == "SYNTH_VLLM_PYTHON"
