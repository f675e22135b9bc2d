"""Runs and exports the example's recipes as its README says, without a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import synth

EXAMPLE = Path(__file__).parents[2] / "examples" / "finetune"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLE, tmp_path / "finetune", ignore=shutil.ignore_patterns("runs", "__pycache__"))
    return tmp_path / "finetune"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_every_row_is_exported_under_the_short_prompt_and_the_holdout_is_test(folder: Path) -> None:
    exported = synth.export(synth.run(folder / "recipe.yaml")).folder
    train, test = lines(exported / "train.jsonl"), lines(exported / "test.jsonl")
    assert (len(train), len(test)) == (150, 120)
    assert {row["prompt"][0]["content"] for row in (*train, *test)} == {"Sort this message."}


def test_general_rows_make_up_a_fifth_where_they_are_mixed_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text() + "  mix: [{source: general.jsonl, weight: 0.2}]\n")
    train = lines(synth.export(synth.run(recipe)).folder / "train.jsonl")
    general = [row for row in train if row["prompt"][0]["role"] == "user"]
    assert (len(general), len(train)) == (38, 188)


def test_pairs_of_a_right_and_a_given_answer_become_rows_for_dpo(folder: Path) -> None:
    asked = [{"role": "system", "content": "Sort this message."}, {"role": "user", "content": "Flat tyre!"}]
    right, given = ([{"role": "assistant", "content": text}] for text in ("bike/today", "dock/today"))
    pair = {"prompt": asked, "chosen": right, "rejected": given}
    (folder / "pairs.jsonl").write_text(json.dumps(pair) + "\n")
    exported = synth.export(synth.run(folder / "pairs.yaml")).folder
    assert lines(exported / "train.jsonl") == [pair]
    assert "| rejected | 1 |" in (exported / "README.md").read_text()
