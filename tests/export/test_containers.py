"""Parquet files and `datasets` folders: the rows that JSON Lines would hold, with the expected features."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from export_runs import make_run, read_lines
from varied_rows import varied_rows

from synth.exports import export_run

MESSAGE = {"role": "string", "content": "string"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No progress bars, and no cache outside of the test."""
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def rows_of(folder: Path, form: str) -> dict[str, list[dict[str, Any]]]:
    import datasets

    if form == "datasets":
        loaded = datasets.load_from_disk(str(folder))
    else:
        files = {side: str(folder / f"{side}.parquet") for side in ("train", "test")}
        loaded = {side: datasets.Dataset.from_parquet(file) for side, file in files.items()}
    return {
        side: [{key: value for key, value in row.items() if value is not None} for row in rows]
        for side, rows in loaded.items()
    }


@pytest.mark.parametrize("form", ["parquet", "datasets"])
@pytest.mark.parametrize("tools", [True, False])
def test_the_rows_are_those_of_json_lines(tmp_path: Path, form: str, tools: bool) -> None:
    run = make_run(tmp_path / "run", varied_rows(80, tools=tools))
    lines = export_run(run, format="messages").folder
    packed = export_run(run, format=form).folder
    assert rows_of(packed, form) == {side: read_lines(lines / f"{side}.jsonl") for side in ("train", "test")}
    assert not list(packed.rglob("*.jsonl")) or [f.name for f in packed.rglob("*.jsonl")] == [
        "receipts.jsonl"
    ]


def test_conversations_of_texts_have_plain_features(tmp_path: Path) -> None:
    import datasets

    folder = export_run(make_run(tmp_path / "run", varied_rows(20, tools=False)), format="datasets").folder
    features = datasets.load_from_disk(str(folder))["train"].features
    assert {key: value.dtype for key, value in features["messages"].feature.items()} == MESSAGE


@pytest.mark.parametrize("form", ["parquet", "datasets"])
def test_the_bytes_depend_on_the_rows_alone(tmp_path: Path, form: str) -> None:
    def files(name: str) -> dict[str, bytes]:
        folder = export_run(make_run(tmp_path / name / "run", varied_rows(40)), format=form).folder
        return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}

    first = files("a")
    assert first == files("b")
    assert str(tmp_path).encode() not in b"".join(first.values())
    listed = json.loads(first["manifest.json"])["files"]
    assert first.keys() == listed.keys() | {"manifest.json"}
