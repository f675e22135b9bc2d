"""The example's programs on a tiny random model: every row is trained on, and its mistakes become pairs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import synth

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "finetune"
ENVIRONMENT = Path(os.environ.get("SYNTH_FINETUNE", REPOSITORY / ".venvs" / "finetune"))
ROWS = 12

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]


def ask(program: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Runs a program with the trainer's interpreter; skips where there is none."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no {python}: make it with `make finetune-env`, or name its folder in SYNTH_FINETUNE")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [python, program, *map(str, words)], capture_output=True, text=True, env=environment
    )


def last_object(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    done = ask(REPOSITORY / "tests" / "export" / "consumers" / "tiny_model.py", folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with a few of its rows, run and exported."""
    folder = tmp_path_factory.mktemp("example") / "finetune"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("runs"))
    for name in ("seeds.jsonl", "holdout.jsonl"):
        lines = (EXAMPLE / name).read_text().splitlines(keepends=True)
        (folder / name).write_text("".join(lines[:ROWS]))
    synth.export(synth.run(folder / "recipe.yaml"))
    return folder


def test_sft_then_its_mistakes_as_pairs_then_dpo(folder: Path, tiny_model: Path) -> None:
    data, pairs = folder / "runs" / "finetune" / "export" / "trl-sft", folder / "pairs.jsonl"
    shared = ["--model", tiny_model, "--batch", 4]
    trained = last_object(
        ask(folder / "train.py", *shared, "--data", data, "--out", folder / "tuned", "--steps", 2)
    )
    assert (trained["rows"], trained["steps"]) == (ROWS, 2)
    assert (folder / "tuned" / "adapter_model.safetensors").exists()

    asked = [*shared, "--data", data, "--adapter", folder / "tuned", "--split", "train", "--wrong", pairs]
    found = last_object(ask(folder / "evaluate.py", *asked))
    assert (found["rows"], found["exact"][:5]) == (ROWS, "0.000")  # it speaks in random bytes
    lines = (data / "train.jsonl").read_text(encoding="utf-8").splitlines()
    expected = {json.loads(line)["completion"][0]["content"] for line in lines}
    written = [json.loads(line) for line in pairs.read_text(encoding="utf-8").splitlines()]
    assert written
    for pair in written:
        assert pair["chosen"][0]["content"] in expected
        assert pair["rejected"][0]["content"] not in expected

    dpo = synth.export(synth.run(folder / "pairs.yaml")).folder
    better = last_object(
        ask(folder / "train.py", *shared, "--data", dpo, "--out", folder / "better", "--steps", 1,
            "--method", "dpo", "--adapter", folder / "tuned")
    )  # fmt: skip
    assert better["method"] == "dpo"
    assert better["rows"] == len((dpo / "train.jsonl").read_text(encoding="utf-8").splitlines())


def test_a_learning_curve_trains_each_size_once(folder: Path, tiny_model: Path) -> None:
    data, out = folder / "runs" / "finetune" / "export" / "trl-sft", folder / "curve"
    words = ["--model", tiny_model, "--data", data, "--out", out, "--sizes", 4, 8, "--steps", 1]
    done = ask(folder / "learning_curve.py", *words)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [line[:8] for line in done.stdout.splitlines()[-2:]] == ["| 4 | 0.", "| 8 | 0."]
    results = (out / "results.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line)["trained"]["rows"] for line in results.splitlines()] == [4, 8]
    assert ask(folder / "learning_curve.py", *words).stdout == "\n".join(done.stdout.splitlines()[-4:]) + "\n"
    assert (out / "results.jsonl").read_text(encoding="utf-8") == results


def test_a_whole_model_can_be_saved_and_4_bits_without_a_gpu_are_refused(
    folder: Path, tiny_model: Path
) -> None:
    data = folder / "runs" / "finetune" / "export" / "trl-sft"
    words = ["--model", tiny_model, "--data", data, "--out", folder / "whole", "--steps", 1]
    assert last_object(ask(folder / "train.py", *words, "--merge", "--rows", 5))["rows"] == 5
    assert (
        last_object(ask(folder / "evaluate.py", "--model", folder / "whole", "--data", data))["rows"] == ROWS
    )
    refused = ask(folder / "train.py", *words, "--qlora")
    assert refused.returncode == 2
    assert "needs a GPU" in refused.stderr
