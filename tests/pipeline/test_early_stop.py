"""A run whose model never gives a stage anything that serves stops early, and goes on once that is mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import synth
from synth.api import run_with_result
from synth.cli import main
from synth.errors import NothingServes
from synth.llm.base import RequestFailed
from synth.llm.early_stop import Trial
from synth.pipeline.report import RunResult
from synth.store import RunFolder
from synth.store.journal import read_records
from tests.support.loopback.process import LoopbackProcess

TOO_LONG = "This model's maximum context length is 700 tokens. However, you requested {} tokens."
BROKEN = {"match": "", "text": "no JSON at all"}


def scripted(desk: Path, *rules: dict[str, object]) -> None:
    """Writes the script of the fake writer; rules come one for each request that they match."""
    (desk.parent / "script.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in rules))
    text = desk.read_text().replace(
        "writer: {provider: fake}", "writer: {provider: fake, script: script.jsonl}"
    )
    desk.write_text(text)


def refusals() -> list[dict[str, object]]:
    """Each draft is refused with other numbers in the same words."""
    return [
        {"match": f"part {digit}|number [0-9]*{digit}", "error": TOO_LONG.format(1900 + digit), "status": 400}
        for digit in range(10)
    ]


def stopped(result: RunResult) -> NothingServes:
    assert isinstance(result.error, NothingServes), result.error
    assert result.exit_code == 1
    return result.error


def requested(out: Path) -> list[str]:
    return [r.identity for _, r in read_records(RunFolder(out).journal) if r.kind == "reply"]


def made(out: Path) -> int:
    """Drafts that passed the filters of `generate`."""
    drafts = [row for row in synth.open(out).rows() if row["lineage"]["stage"] == "generate"]
    return sum(row["status"] != "superseded" and row["stage"] != "generate" for row in drafts)


def test_equal_refusals_stop_a_run_and_the_next_call_asks_for_all_of_it(desk: Path, tmp_path: Path) -> None:
    scripted(desk, *refusals())
    out = tmp_path / "runs" / "my desk"
    refused = run_with_result(desk, out)
    error = stopped(refused)
    assert "fake refuses every request, the last 10 for the same reason" in error.message
    assert "maximum context length is 700 tokens" in error.message
    assert "(HTTP 400)" in error.message
    assert "synth show '" in str(error)
    assert "my desk' --status failed" in str(error)
    assert "filter" not in str(error)
    assert refused.summary["failed"] >= 9
    (desk.parent / "script.jsonl").write_text("")
    mended = run_with_result(desk, out)
    fresh = run_with_result(desk, tmp_path / "fresh")
    assert mended.exit_code == 0
    assert mended.summary["failed"] == 0
    assert list(synth.open(out)) == list(synth.open(tmp_path / "fresh"))
    assert mended.summary["accepted"] == fresh.summary["accepted"]


def test_answers_of_which_none_serves_stop_a_run_and_the_next_call_goes_on(
    desk: Path, tmp_path: Path
) -> None:
    scripted(desk, BROKEN)
    out = tmp_path / "out"
    broken = run_with_result(desk, out, settings=["stages.generate.count=3", "stages.score.seeds=false"])
    error = stopped(broken)
    assert "none of the first 20 answers of fake can be used" in error.message
    assert "unparsable" in error.message
    assert "no JSON at all" in error.message
    assert "--status dropped" in str(error)
    assert broken.summary["requests"] <= 20 + 4
    asked = requested(out)
    (desk.parent / "script.jsonl").write_text("")
    mended = run_with_result(desk, out, settings=["stages.generate.count=3", "stages.score.seeds=false"])
    assert mended.exit_code == 0
    assert made(out) == 3
    assert len(requested(out)) == len(set(requested(out))), "nothing that was answered is asked twice"
    assert set(asked) < set(requested(out))


def test_unusable_answers_of_ten_calls_do_not_lock_a_run(desk: Path, tmp_path: Path) -> None:
    scripted(desk, BROKEN)
    few = ["stages.generate.count=3", "stages.generate.attempts=1"]
    for _ in range(11):
        stopped(run_with_result(desk, tmp_path / "out", settings=few))
    assert len(requested(tmp_path / "out")) >= 200
    (desk.parent / "script.jsonl").write_text("")
    mended = run_with_result(desk, tmp_path / "out", settings=few)
    assert mended.exit_code == 0
    assert made(tmp_path / "out") == 3


def test_a_judge_that_refuses_everything_stops_a_run_whose_writer_serves(desk: Path, tmp_path: Path) -> None:
    result = run_with_result(desk, tmp_path / "out", settings=["models.judge.fail=1.0"])
    error = stopped(result)
    assert error.where == "stage 'score'"
    assert result.summary["failed"] + result.summary["pending"] > 0


def test_a_cluster_of_refusals_stops_no_run_that_was_answered(desk: Path, tmp_path: Path) -> None:
    run_with_result(desk, tmp_path / "out", settings=["stages.generate.count=20"])
    scripted(desk, {"match": "", "error": "no", "status": 400})
    result = run_with_result(desk, tmp_path / "out", settings=["stages.generate.count=60"])
    assert not isinstance(result.error, NothingServes)
    assert result.summary["failed"] > 20


def test_nothing_said_of_a_refusal_calls_it_a_filter(desk: Path, tmp_path: Path) -> None:
    run_with_result(desk, tmp_path / "out", settings=["stages.generate.count=2"])
    scripted(desk, {"match": "", "error": "too long.", "status": 400})
    error = run_with_result(desk, tmp_path / "out").error
    assert error is not None
    assert "requests gave a draft that is kept" in error.message
    assert "filter" not in str(error)
    assert "--status failed" in str(error)


def test_show_prints_the_words_of_a_refusal(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted(desk, *refusals())
    run_with_result(desk, tmp_path / "out")
    with pytest.raises(SystemExit) as done:
        main(["show", str(tmp_path / "out"), "--status", "failed"])
    assert done.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 9
    assert all("request_failed" in line and "maximum context length is 700" in line for line in lines)


def test_a_server_that_refuses_by_its_context_and_then_does_not(
    desk: Path, tmp_path: Path, loopback: LoopbackProcess
) -> None:
    text = desk.read_text().replace(
        "writer: {provider: fake}", f"writer: {{model: fake, base_url: {loopback.url}}}"
    )
    desk.write_text(text)
    loopback.control(context=60)
    refused = run_with_result(desk, tmp_path / "out")
    assert "refuses every request" in stopped(refused).message
    refusals = [r for _, r in read_records(RunFolder(tmp_path / "out").journal) if r.kind == "failure"]
    assert 10 <= len(refusals) <= 64
    loopback.control(context=0)
    mended = run_with_result(desk, tmp_path / "out")
    assert mended.exit_code == 0, mended.error
    assert mended.summary["failed"] == 0


def test_refusals_that_overtake_the_first_answer_stop_nothing() -> None:
    """A server refuses at once what it answers after seconds."""
    trial = Trial("model", "respond")
    numbers = [trial.begin() for _ in range(40)]
    refusal = RequestFailed("filtered", status=400)
    assert not any(trial.refused(number, refusal) for number in numbers[1:])
    stop = trial.refused(numbers[0], refusal)
    assert stop is not None
    with pytest.raises(NothingServes):
        trial.begin()
    again = Trial("model", "respond")
    numbers = [again.begin() for _ in range(40)]
    assert not any(again.refused(number, refusal) for number in numbers[1:])
    again.served = True
    assert again.refused(again.begin(), refusal) is None
