"""`--push-to-hub` against a stand-in on the loopback interface. The real hub was not tried."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from export_runs import chat, drafts, held_out, make_run, read_all
from hub import Hub, hub

TOKEN = "hf_not_a_real_one"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", [held_out(chat("Hello?", "Hello!")), *drafts(3)])


def export(run: Path, *arguments: str, url: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    """`synth export` as a user types it; the hub's client reads its address when it is imported."""
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
        "HF_ENDPOINT": url,
        "HF_HOME": str(run.parent / "hf"),
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    command = [sys.executable, "-m", "synth", "export", str(run), "--json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=variables)


def pushed(run: Path, there: Hub, *arguments: str) -> dict[str, object]:
    done = export(run, "--push-to-hub", "ann/support", *arguments, url=there.url)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_what_is_sent_is_what_lies_on_the_disk_and_the_token_goes_along(run: Path) -> None:
    with hub() as there:
        said = pushed(run, there)
    assert there.files == read_all(run / "export" / "trl-sft")
    assert there.tokens - {None} == {f"Bearer {TOKEN}"}
    assert said["pushed"] == f"{there.url}/datasets/ann/support"
    assert [made["visibility"] for made in there.made] == ["private"]
    assert TOKEN not in json.dumps(said)
    assert TOKEN.encode() not in b"".join(file.read_bytes() for file in run.rglob("*") if file.is_file())


def test_a_dataset_is_for_everybody_only_when_that_is_said(run: Path) -> None:
    with hub() as there:
        pushed(run, there, "--public")
    assert [made["visibility"] for made in there.made] == ["public"]


def test_what_an_earlier_push_left_there_is_replaced(run: Path) -> None:
    with hub() as there:
        there.files["validation.jsonl"] = b"{}\n"
        pushed(run, there)
    assert there.files == read_all(run / "export" / "trl-sft")


def test_without_the_flag_nothing_is_sent(run: Path) -> None:
    with hub() as there:
        done = export(run, url=there.url)
    assert done.returncode == 0, done.stderr
    assert there.requests == []


@pytest.mark.parametrize(("status", "code"), [(400, 2), (401, 2), (403, 2), (500, 3)])
def test_a_hub_that_refuses_leaves_the_export_in_place(run: Path, status: int, code: int) -> None:
    with hub() as there:
        there.refuses = status
        done = export(run, "--push-to-hub", "ann/support", url=there.url)
    assert done.returncode == code, done.stderr
    assert str(status) in json.loads(done.stdout)["error"]["message"]
    assert (run / "export" / "trl-sft" / "manifest.json").is_file()


def test_a_hub_that_is_not_there(run: Path) -> None:
    with hub() as there:
        gone = there.url
    done = export(run, "--push-to-hub", "ann/support", url=gone)
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["error"]["where"] == gone


def test_a_name_that_is_none(run: Path) -> None:
    with hub() as there:
        done = export(run, "--push-to-hub", "a/b/c", url=there.url)
    assert done.returncode == 2, done.stderr
    assert "not a valid dataset name" in done.stderr
