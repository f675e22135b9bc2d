"""Reads exports with their consumers' own loaders, validators and trainers.

Each consumer has a separate environment, because their dependencies conflict: a folder `NAME` with
`bin/python` in `.venvs`, or in the folder that SYNTH_CONSUMERS names. `make consumers-env` makes those of TRL
and Together, `tests/export/consumers/install.sh .venvs` the two large ones.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bad_rows_table import CONSUMERS as READERS
from bad_rows_table import ENVIRONMENTS, theirs, written
from export_runs import make_run
from varied_rows import varied_rows

from synth.exports import export_run

CONSUMERS = Path(__file__).parent / "consumers"
TRAIN, TEST = 262, 38

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]


def python_of(name: str) -> Path:
    """The interpreter of a consumer's environment; skips where there is none."""
    python = ENVIRONMENTS / name / "bin" / "python"
    if not python.exists():
        how = "make consumers-env" if name in ("finetune", "together") else "sh consumers/install.sh .venvs"
        pytest.skip(f"no {name} in {ENVIRONMENTS}: make it with `{how}`, or set SYNTH_CONSUMERS")
    return python


def consume(name: str, script: str, *arguments: str | Path, cwd: Path | None = None) -> dict[str, Any]:
    """What a consumer's program says about an export."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [python_of(name), CONSUMERS / script, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    subprocess.run(
        [python_of("finetune"), CONSUMERS / "tiny_model.py", folder], check=True, capture_output=True
    )
    return folder


def exported(tmp_path: Path, form: str, *, tools: bool = True) -> Path:
    return export_run(make_run(tmp_path / "run", varied_rows(tools=tools)), format=form).folder


@pytest.mark.parametrize("form", ["trl-sft", "messages", "trl-dpo", "trl-kto", "trl-reward", "trl-prompt"])
def test_trl_trains_on_every_row(tmp_path: Path, tiny_model: Path, form: str) -> None:
    said = consume("finetune", "consume_trl.py", exported(tmp_path, form), tiny_model, form)
    rows = 2 * TRAIN if form == "trl-kto" else TRAIN
    assert said["rendered"]["qwen3"] == rows
    assert said["rendered"]["llama3"] == said["rendered"]["gemma3"] == said["rendered"]["phi3"]
    assert said["rendered"]["llama3"] + said["rendered"]["llama3_1"] == rows
    if form != "trl-prompt":
        assert said["train"] == rows
    if form not in ("trl-prompt", "messages"):
        assert said["learned"] == rows


def test_mistral_accepts_every_row(tmp_path: Path) -> None:
    assert consume("finetune", "consume_mistral.py", exported(tmp_path, "mistral")) == {
        "train": TRAIN,
        "test": TEST,
    }


def test_together_accepts_both_files(tmp_path: Path) -> None:
    folder = exported(tmp_path, "together", tools=False)
    assert consume("together", "consume_together.py", folder) == {"train": TRAIN, "test": TEST}


@pytest.mark.parametrize(
    ("form", "stage"), [("llama-factory", "sft"), ("llama-factory-dpo", "rm"), ("llama-factory-kto", "kto")]
)
def test_llama_factory_keeps_every_row(tmp_path: Path, tiny_model: Path, form: str, stage: str) -> None:
    folder = exported(tmp_path, form)
    said = consume("llama-factory", "consume_llama_factory.py", folder, tiny_model, "tiny", stage)
    records = 2 if stage == "kto" else 1
    assert said == {"train": records * TRAIN, "test": records * TEST}


def test_axolotl_preprocesses_every_row(tmp_path: Path, tiny_model: Path) -> None:
    folder = tmp_path / "axolotl"
    shutil.copytree(exported(tmp_path, "axolotl"), folder)
    config = folder / "axolotl.yaml"
    config.write_text(config.read_text().replace("HuggingFaceTB/SmolLM2-135M-Instruct", str(tiny_model)))
    assert consume("axolotl", "consume_axolotl.py", tiny_model, cwd=folder) == {"rows": [TEST, TRAIN]}


def test_datasets_loads_both_splits_with_the_features_that_they_have(tmp_path: Path) -> None:
    features = consume("finetune", "consume_datasets.py", exported(tmp_path, "trl-sft", tools=False))
    message = [{"role": "string", "content": "string"}]
    assert features == {split: {"prompt": message, "completion": message} for split in ("train", "test")}


@pytest.mark.parametrize("form", READERS)
def test_the_documented_table_says_what_consumers_do_with_bad_rows(tiny_model: Path, form: str) -> None:
    python_of(READERS[form][1])
    assert {name: verdict for name, (verdict, _) in written(form).items()} == theirs(form, str(tiny_model))
