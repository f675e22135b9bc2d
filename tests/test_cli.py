"""The commands of the README, as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

import synth
from synth.pipeline.progress import Progress
from tests.support.loopback.process import LoopbackProcess


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "synth", *arguments]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=110, check=False)


def test_run_show_export(desk: Path) -> None:
    folder = desk.parent
    ran = command("run", "recipe.yaml", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    assert "drafts accepted" in ran.stdout
    assert "synth show recipe.yaml" in ran.stdout
    funnel = command("show", "recipe.yaml", cwd=folder).stdout
    assert "generate" in funnel
    assert "reasons" in funnel
    rows = [
        json.loads(line) for line in command("show", "recipe.yaml", "--json", cwd=folder).stdout.splitlines()
    ]
    draft = next(row for row in rows if row["lineage"]["stage"] == "generate" and row["status"] == "kept")
    whole = command("show", "recipe.yaml", draft["id"][:10], cwd=folder).stdout
    assert draft["messages"][-1]["content"] in whole
    assert draft["lineage"]["request"] in whole
    done = command("export", "recipe.yaml", "--json", cwd=folder)
    summary = json.loads(done.stdout)
    exported = folder / "runs" / "desk" / "export" / "trl-sft"
    lines = (exported / "train.jsonl").read_text().splitlines()
    assert len(lines) == summary["files"]["train"] > 0
    assert set(json.loads(lines[0])) == {"prompt", "completion"}


def test_the_log_says_how_long_it_will_take(desk: Path) -> None:
    slow = ("--set", "models.writer.delay=1.5", "--set", "window=8")
    done = command("run", "recipe.yaml", *slow, cwd=desk.parent)
    assert done.returncode == 0, done.stderr
    assert " left" in done.stderr


def test_the_user_is_told_what_stands_in_a_source_twice(desk: Path) -> None:
    folder = desk.parent
    ask = '{"instruction": "What does a late cancellation cost me?"}\n'
    (folder / "prompts.jsonl").write_text(ask * 3 + '{"instruction": "Where is my invoice?"}\n')
    (folder / "held.jsonl").write_text(
        "\n".join((folder / "seeds.jsonl").read_text().splitlines()[:5]) + "\n"
    )
    failure = (
        '{"instruction": "Why is it down?", "response": "No idea.", "expected": "See the status page."}\n'
    )
    (folder / "failures.jsonl").write_text(failure * 2)
    text = desk.read_text().replace(
        "sources: {", "sources: {prompts: prompts.jsonl, failures: failures.jsonl, "
    )
    text = text.replace("{rows: 8}", "held.jsonl").replace("stages:\n", "stages:\n  - respond: {}\n")
    desk.write_text(text)
    for _ in range(2):  # a finished run says the same
        done = command("run", "recipe.yaml", "--json", cwd=folder)
        assert done.returncode == 0, done.stderr
        told = {"prompts": 2, "failures": 1, "seeds_held_out": 5}
        assert json.loads(done.stdout)["repeated"] == told
        assert "1 of 2 failures are the same as another one and count once." in done.stderr
        assert "5 of 60 seeds stand in the holdout, too, and are only there." in done.stderr
    (folder / "runs" / "desk" / "rows.sqlite").unlink()
    again = command("run", "recipe.yaml", cwd=folder)
    assert "2 of 4 prompt rows are the same as another one and count once." in again.stderr
    assert "Left out as duplicates: failures 1, prompts 2, seeds_held_out 5" in again.stdout


def test_run_json_is_one_document(desk: Path) -> None:
    done = command("run", "recipe.yaml", "--json", "--limit", "7", cwd=desk.parent)
    summary = json.loads(done.stdout)
    wanted = "run accepted dropped failed pending requests reused retries tokens cost_usd seconds total"
    assert set(wanted.split()) <= set(summary)
    assert summary["accepted"] + sum(summary["dropped"].values()) >= 7
    assert summary["cost_usd"] is None


def test_a_dry_run_calls_nothing_and_leaves_nothing(desk: Path) -> None:
    text = desk.read_text().replace("{provider: fake}", "{model: m, base_url: 'http://127.0.0.1:9/v1'}")
    desk.write_text(text)
    done = command("run", "recipe.yaml", "--dry-run", cwd=desk.parent)
    assert done.returncode == 0, done.stderr
    assert "Write one new example" in done.stdout
    assert "Nothing was called" in done.stderr
    assert not (desk.parent / "runs").exists()


def test_init_on_an_endpoint_shows_five_rows(tmp_path: Path) -> None:
    with LoopbackProcess(models="little-model") as server:
        done = command("init", "mine", "--endpoint", server.url, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        assert made["model"] == "little-model"
        assert len(made["rows"]) == 5
        recipe = yaml.safe_load((tmp_path / "mine" / "recipe.yaml").read_text())
        assert recipe["models"]["writer"] == {"model": "little-model", "base_url": server.url}
        generate = recipe["stages"][0]["generate"]
        assert (generate["count"], generate["answers"], generate["context"]) == (200, False, "documents")
        assert command("doctor", "mine/recipe.yaml", cwd=tmp_path).returncode == 0
    assert command("doctor", "mine/recipe.yaml", cwd=tmp_path).returncode == 3


def test_init_refuses_a_folder_with_something_in_it(desk: Path) -> None:
    done = command("init", ".", cwd=desk.parent)
    assert done.returncode == 2
    assert "not empty" in done.stderr


def test_the_schema_accepts_the_examples() -> None:
    root = Path(__file__).parent.parent
    schema = json.loads(command("schema", cwd=root).stdout)
    for recipe in root.glob("examples/*/recipe.yaml"):
        jsonschema.validate(yaml.safe_load(recipe.read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "x", "models": {}, "stages": [{"generat": {}}]}, schema)


def test_from_python(desk: Path) -> None:
    run = synth.run(desk)
    rows = list(run)
    assert rows
    assert all(row["status"] == "kept" for row in rows)
    assert run.row(rows[0]["id"]) == rows[0]
    assert len(run.to_dataset()) == len(rows)
    assert synth.export(run, format="messages").files["train"] > 0
    assert synth.export(desk, format="trl-sft").files["test"] == 8


def test_a_run_says_what_it_is(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = synth.run(desk, settings=["models.writer.delay=0.5", "window=8"])
    assert "drafts accepted" in capsys.readouterr().err
    rows = list(run)
    assert len(run) == len(rows) > len(list(run.drafts())) > 0
    assert all(row["lineage"]["stage"] for row in run.drafts())
    dropped = len(list(run.rows(status="dropped")))
    assert repr(run) == f"Run({str(desk.parent / 'runs' / 'desk')!r}: {len(rows)} kept, {dropped} dropped)"
    synth.run(desk, out=desk.parent / "quiet", progress=Progress())
    assert not capsys.readouterr().err


def test_the_module_completes_to_its_functions() -> None:
    assert dir(synth) == sorted(["Run", "__version__", "export", "open", "run"])
    assert all(getattr(synth, name) for name in dir(synth))


def test_a_fatal_error_stands_alone(desk: Path) -> None:
    text = desk.read_text().replace("{provider: fake}", "{model: m, base_url: 'http://127.0.0.1:9/v1'}")
    desk.write_text(text.replace("  judge: {provider: fake, model: judge}\n", ""))
    done = command("run", "recipe.yaml", cwd=desk.parent)
    assert done.returncode == 3, done.stdout
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert command("run", "recipe.yaml", "--json", cwd=desk.parent).stdout.startswith("{")


def test_a_run_whose_drafts_were_all_dropped_says_so(desk: Path) -> None:
    desk.write_text(desk.read_text().replace("model: judge", "model: judge, script: ones.jsonl"))
    done = command("run", "recipe.yaml", cwd=desk.parent)
    assert done.returncode == 0, done.stderr
    assert "No draft was kept. Mostly: score: low_score" in done.stdout
    assert "Export:" not in done.stdout
    look = done.stdout.partition("Look at them:  ")[2].split()
    assert look[-2:] == ["--status", "dropped"]
    assert "low_score" in command("show", *look[-3:], cwd=desk.parent).stdout


def test_in_a_notebook_that_runs_a_loop(desk: Path) -> None:
    import asyncio

    async def cell() -> int:
        return len(list(synth.run(desk)))

    assert asyncio.run(cell()) > 0
