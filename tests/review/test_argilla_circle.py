"""A review through a real Argilla: nothing is lost or duplicated, whichever process is killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("argilla", reason="needs the argilla client")
pytest.importorskip("wordllama", reason="needs wordllama")

import synth
from synth.api import export
from synth.cli import main
from synth.errors import InputError
from synth.review.push import PushOptions, push
from synth.review.records import ReviewRecord
from synth.review.targets.argilla import backend as argilla_backend
from synth.review.targets.argilla.backend import ArgillaBackend
from synth.review.targets.base import TargetSpec
from synth.review.tasks import load_task
from synth.store import RunFolder
from tests.review.argilla_circle import (
    Argilla,
    answer_in_background,
    argilla,
    expected,
    journaled_answers,
    people,
    pull_rows,
    pull_with_a_kill,
    push_rows,
    push_with_a_kill,
    readers_of,
    records_of,
    shown_to,
)
from tests.review.desk_review import run_desk
from tests.review.local_argilla import REPOSITORY, call

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("default"),  # the argilla client's own
]

REVIEW = ("review.rows=all", "review.annotators=2", "review.overlap=0.25")


@pytest.fixture
def backend(server: Argilla) -> Iterator[ArgillaBackend]:
    with closing(server.backend()) as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Argilla]:
    with argilla(tmp_path_factory.mktemp("home")) as made:
        yield made


def test_the_whole_circle(
    server: Argilla, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(argilla_backend, "_BATCH", 25)
    monkeypatch.setattr(argilla_backend, "_PAGE", 20)
    run = tmp_path / "out"
    run_desk(desk, run, "stages.generate.count=90", "stages.score.keep=3", *REVIEW)
    push_with_a_kill(run, server)
    report = push_rows(run, server)
    assert report.refused == []
    assert sorted(report.targets) == ["desk", "desk-overlap"]
    needed = shown_to(run)
    records = {
        record["external_id"]: record
        for name in report.targets
        for record in records_of(server.running, name)
    }
    assert sum(len(records_of(server.running, name)) for name in report.targets) == len(needed)
    assert set(records) == set(needed)
    assert push_rows(run, server).sent == 0

    everybody = people(server)
    todo = {
        person.name: [r for r in records.values() if person.name in readers_of(r, needed[r["external_id"]])]
        for person in everybody
    }
    early, late = everybody[:-1], everybody[-1]
    for person in early:
        person.answer(server.running, todo[person.name])
    pull_with_a_kill(run, server)
    first = len(journaled_answers(run))
    assert 0 < first < sum(map(len, todo.values()))
    working = answer_in_background(late, server.running, todo[late.name], pause=0.02)
    while working.is_alive():
        pull_rows(run, server)
    working.join()
    pull_rows(run, server)
    assert server.kills == 2

    before = RunFolder(run).decisions.read_bytes()
    files = {file.name: file.read_bytes() for file in export(run, "messages").folder.iterdir()}
    assert pull_rows(run, server).new == 0
    assert RunFolder(run).decisions.read_bytes() == before
    assert {file.name: file.read_bytes() for file in export(run, "messages").folder.iterdir()} == files
    given = [(answer["row"], answer["by"]) for answer in journaled_answers(run)]
    assert len(given) == len(set(given)) == sum(map(len, todo.values()))

    opened = synth.open(run)
    texts = [json.loads(line)["messages"][-1]["content"] for line in files["train.jsonl"].splitlines()]
    for row, record in records.items():
        status, text = expected(row, record["draft"], readers_of(record, needed[row]))
        receipt = opened.row(row)
        shown = receipt["review"]["status"]
        assert shown == status or (shown == "restored" and status in ("accepted", "edited"))
        if text is not None:
            assert receipt["messages"][-1]["content"] == text
            assert text in texts
        else:
            assert record["draft"] not in texts

    assert push_rows(run, server).conflicts > 0


def test_the_command_line_finds_the_local_server(
    server: Argilla,
    desk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "out"
    run_desk(desk, run, "stages.generate.count=10")
    url = server.running.url
    monkeypatch.setenv("XDG_DATA_HOME", str(server.home))
    monkeypatch.setenv("OWNERS_KEY", server.running.api_key)
    place = ["--dataset", "ours", "--workspace", "elsewhere"]
    with pytest.raises(SystemExit) as exit:
        main(["review", "push", str(run), *place])
    assert exit.value.code == 2
    assert "there is no workspace 'elsewhere'" in (words := capsys.readouterr().err)
    assert "There are: argilla. `review push --new-workspace` makes another." in words
    first = said(capsys, "review", "push", str(run), *place, "--new-workspace", "--user", "zoe")
    assert first["users"][0]["username"] == "zoe"
    given = said(capsys, "review", "push", str(run), *place, "--url", url, "--api-key-env", "OWNERS_KEY")
    assert (given["sent"], given["there"]) == (0, 10)
    assert (given["url"], given["annotators"]) == (url, ["zoe"])
    assert said(capsys, "review", "status", str(run), "--dataset", "ours")["places"][0]["rows"] == 10
    assert said(capsys, "review", "pull", str(run))["answers"] == 0


def test_two_runs_of_one_name_have_datasets_of_their_own(server: Argilla, desk: Path, tmp_path: Path) -> None:
    desk.write_text(desk.read_text().replace("name: desk", "name: Twins"))
    one, two = tmp_path / "one", tmp_path / "two"
    for run, count in ((one, 8), (two, 9)):
        run_desk(desk, run, f"stages.generate.count={count}")
    assert push_rows(one, server).targets == ["twins"]
    (own,) = push_rows(two, server).targets
    assert own == f"twins-{RunFolder(two).read_id()}"
    assert len(records_of(server.running, "twins")) == 8
    assert len(records_of(server.running, own)) == 9
    for run, name in ((one, "twins"), (two, own)):
        again = push_rows(run, server)
        assert (again.targets, again.sent) == ([name], 0)
    with closing(server.backend()) as backend:
        shared = push(two, backend, PushOptions(name="twins"), lambda line: None)
    assert shared.targets == ["twins"]
    moved = Path(shutil.copytree(two, tmp_path / "moved"))
    assert push_rows(moved, server).targets == [own]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    """What a command that succeeds prints with `--json`."""
    with pytest.raises(SystemExit) as exit:
        main([*arguments, "--json"])
    printed = capsys.readouterr()
    assert exit.value.code == 0, printed.err
    return dict(json.loads(printed.out))


def greeting(number: int) -> ReviewRecord:
    prompt = [{"role": "user", "content": "Hi"}]
    return ReviewRecord(f"row{number}", {"prompt": prompt}, {"response": "Ho"}, {}, meaning="Hi")


def test_the_bad_record_is_found_and_named(backend: ArgillaBackend) -> None:
    place = backend.open(TargetSpec("bad", load_task("edit")))
    good = [greeting(n) for n in range(40)]
    too_long = ReviewRecord(
        "long", {"prompt": [{"role": "user", "content": "x" * 30_000}]}, {}, {}, meaning="x"
    )
    no_text = ReviewRecord("torn", {"prompt": [{"role": "user", "content": "\ud800"}]}, {}, {}, meaning="x")
    refused = backend.send(place, [*good[:7], too_long, *good[7:20], no_text, *good[20:]], lambda batch: None)
    assert [each.row for each in refused] == ["long", "torn"]
    assert "20000" in refused[0].why
    assert set(backend.present(place)) == {record.row for record in good}


def test_another_dataset_of_the_same_name_is_left_alone(backend: ArgillaBackend) -> None:
    backend.open(TargetSpec("taken", load_task("edit")))
    with pytest.raises(InputError, match=r"asks for .*--dataset"):
        backend.open(TargetSpec("taken", load_task("preference")))


def test_a_dataset_that_was_half_made_is_made_anew(server: Argilla, backend: ArgillaBackend) -> None:
    workspaces = call(server.running, "GET", "/api/v1/me/workspaces")[1]["items"]
    key = next(workspace["id"] for workspace in workspaces if workspace["name"] == backend.workspace)
    half = {"name": "half", "workspace_id": key}
    assert call(server.running, "POST", "/api/v1/datasets", half)[0] == 201
    place = backend.open(TargetSpec("half", load_task("edit"), needed=2))
    assert backend.send(place, [greeting(1)], lambda batch: None) == []
    assert backend.open(TargetSpec("half", load_task("edit"), needed=2)) == place


def test_records_that_move_while_they_are_listed_are_all_read(
    server: Argilla, backend: ArgillaBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(argilla_backend, "_PAGE", 10)
    place = backend.open(TargetSpec("moving", load_task("edit")))
    rows = [greeting(n) for n in range(35)]
    backend.send(place, rows, lambda batch: None)
    key = place.id.removeprefix("argilla:")
    ids = [record["id"] for record in records_of(server.running, "moving")]
    seen = []
    for page in backend._records(place):
        if not seen:
            # Deleted behind the reader: every later record moves forward, five of them past the next page.
            gone = ",".join(ids[:5])
            assert call(server.running, "DELETE", f"/api/v1/datasets/{key}/records?ids={gone}")[0] == 204
        seen += [record["external_id"] for record in page]
    assert len(seen) == len(set(seen))
    assert set(seen) >= {record["external_id"] for record in records_of(server.running, "moving")}


def test_a_wrong_key_is_told_and_not_repeated(server: Argilla, desk: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_desk(desk, run, "stages.generate.count=2")
    command = [sys.executable, "-m", "synth", "review", "push", str(run)]
    command += ["--url", server.running.url, "--api-key-env", "WRONG", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "WRONG": "a-wrong-key"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["code"] == "unreachable"
    assert "a-wrong-key" not in done.stdout + done.stderr
