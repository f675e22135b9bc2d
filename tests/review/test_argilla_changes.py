"""A review continues after a killed client, a changed recipe or deletions on the page."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("argilla", reason="needs the argilla client")
pytest.importorskip("wordllama", reason="needs wordllama")

import synth
from synth.errors import InputError
from synth.review.pull import pull
from synth.review.records import ReviewRecord
from synth.review.targets.argilla.backend import ArgillaBackend
from synth.review.targets.base import TargetSpec
from synth.review.targets.pushed import pushed_to
from synth.review.tasks import load_task
from synth.store import RunFolder
from tests.review.argilla_circle import Argilla, argilla, journaled_answers, pull_rows, push_rows, records_of
from tests.review.argilla_circle import shown_to as shown_in
from tests.review.desk_review import run_desk
from tests.review.killing_proxy import KillingProxy, killing_proxy
from tests.review.local_argilla import REPOSITORY, call, eventually

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("default"),  # the argilla client's own
]

# Every request is a place to be killed at; a test that goes through all of them takes minutes.
STEP = int(os.environ.get("SYNTH_KILL_STEP", "6"))
IN_SMALL_BATCHES = """
from synth.review.targets.argilla import backend as argilla_backend
argilla_backend._BATCH = argilla_backend._PAGE = 4
from synth.cli import main
main()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Argilla]:
    with argilla(tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture
def run(desk: Path, tmp_path: Path) -> Path:
    """A finished run of a few rows, nearly all of which are reviewed, some by two people."""
    out = tmp_path / "out"
    run_desk(
        desk, out, "stages.generate.count=14", "review.rows=all", "review.annotators=2", "review.overlap=0.25"
    )
    return out


def killed_until_done(proxy: KillingProxy, key: str, words: Sequence[object]) -> tuple[int, dict[str, Any]]:
    """(how often it was killed, what it said when it came to its end) of one command, given again and again.

    Each time it comes further than the last time, and dies once before a request, once after the next.
    """
    kills = 0
    while True:
        proxy.arm(1 + kills * STEP, when_done=kills % 2 == 1)
        command = [sys.executable, "-c", IN_SMALL_BATCHES, *map(str, words), "--json"]
        command += ["--url", proxy.url, "--api-key-env", "OWNERS_KEY"]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OWNERS_KEY": key}
        pipe = subprocess.PIPE
        proxy.victim = subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)
        said, errors = proxy.victim.communicate(timeout=300)
        if proxy.victim.returncode == 0:
            return kills, json.loads(said)
        assert proxy.victim.returncode == -signal.SIGKILL, errors
        kills += 1


def answer_as_owner(server: Argilla, dataset: str, text: str) -> list[str]:
    """The rows of a dataset, each answered with `text`."""
    records = records_of(server.running, dataset)
    for record in records:
        values = {"response": {"value": text}, "quality": {"value": 3}}
        body = {"values": values, "status": "submitted"}
        assert call(server.running, "POST", f"/api/v1/records/{record['id']}/responses", body)[0] == 201
    return [record["external_id"] for record in records]


def test_push_and_pull_go_on_wherever_they_were_killed(server: Argilla, run: Path) -> None:
    key = server.running.api_key
    with killing_proxy(server.running.url) as proxy:
        push = ("review", "push", run, "--dataset", "killed", "--workspace", "argilla")
        kills, report = killed_until_done(proxy, key, push)
        assert kills >= 30 / STEP
        assert (report["refused"], report["unfit"]) == ([], [])
        rows = [each["external_id"] for name in report["places"] for each in records_of(server.running, name)]
        assert len(rows) == len(set(rows)) == report["sent"] + report["there"] > 10
        assert set(rows) == set(shown_in(run))
        answered = [row for name in report["places"] for row in answer_as_owner(server, name, "By a person.")]
        kills, report = killed_until_done(proxy, key, ("review", "pull", run, "--workspace", "argilla"))
        assert kills >= 10 / STEP
    assert sorted(each["row"] for each in journaled_answers(run)) == sorted(answered) == sorted(rows)
    assert report["answers"] == len(rows)
    before = RunFolder(run).decisions.read_bytes()
    assert pull_rows(run, server).new == 0
    assert RunFolder(run).decisions.read_bytes() == before
    assert synth.open(run).row(rows[0])["messages"][-1]["content"] == "By a person."


def dataset_id(server: Argilla, name: str) -> str:
    datasets = call(server.running, "GET", "/api/v1/me/datasets")[1]["items"]
    return next(str(dataset["id"]) for dataset in datasets if dataset["name"] == name)


def delete(server: Argilla, path: str) -> None:
    assert call(server.running, "DELETE", f"/api/v1/{path}")[0] in (200, 204)


def test_what_somebody_deleted_in_the_page_takes_no_decision_back(server: Argilla, run: Path) -> None:
    places = push_rows(run, server).targets
    assert places == ["desk", "desk-overlap"]
    whole = len(shown_in(run))
    first, second = (records_of(server.running, "desk")[place] for place in (0, 1))
    values = {"response": {"value": "Kept."}, "quality": {"value": 3}}
    body = {"values": values, "status": "submitted"}
    assert call(server.running, "POST", f"/api/v1/records/{first['id']}/responses", body)[0] == 201
    assert pull_rows(run, server).new == 1
    for record in (first, second):
        delete(server, f"records/{record['id']}")
    assert pull_rows(run, server).answers == 0
    again = push_rows(run, server)
    assert (again.sent, again.decided) == (1, 1), "the other was decided on"

    delete(server, f"datasets/{dataset_id(server, 'desk-overlap')}")
    lines: list[str] = []
    with closing(server.backend()) as backend:
        pull(run, backend, pushed_to(backend, None, lines.append), lambda line: None)
        assert any("desk-overlap: it does not exist any more" in line for line in lines)
        delete(server, f"datasets/{dataset_id(server, 'desk')}")
        with pytest.raises(InputError, match="desk, desk-overlap: it does not exist any more"):
            pull(run, backend, pushed_to(backend, None), lambda line: None)
    assert synth.open(run).row(first["external_id"])["messages"][-1]["content"] == "Kept."
    anew = push_rows(run, server)
    assert (anew.sent, anew.decided) == (whole - 1, 1)
    assert first["external_id"] not in {each["external_id"] for each in records_of(server.running, "desk")}


@pytest.fixture
def backend(server: Argilla) -> Iterator[ArgillaBackend]:
    with closing(server.backend()) as made:
        yield made


def test_a_task_that_shows_something_else_needs_another_dataset(backend: ArgillaBackend) -> None:
    task = load_task("edit")
    backend.open(TargetSpec("shown", task))
    less = task.model_copy(update={"fields": task.fields[:1]})
    with pytest.raises(InputError, match=r"shows prompt, source, not prompt\. .*--dataset"):
        backend.open(TargetSpec("shown", less))
    with pytest.raises(InputError, match=r"compares meaning, not nothing"):
        backend.open(TargetSpec("shown", task.model_copy(update={"vectors": ()})))


def test_a_recipe_that_wants_more_readers_gets_them(server: Argilla, backend: ArgillaBackend) -> None:
    place = backend.open(TargetSpec("readers", load_task("edit")))
    greeting = [{"role": "user", "content": "Hi"}]
    record = ReviewRecord("row", {"prompt": greeting}, {"response": "Ho"}, {}, meaning="Hi")
    backend.send(place, [record], lambda batch: None)
    answer_as_owner(server, "readers", "Ho!")

    def status() -> str:
        path = f"/api/v1/datasets/{dataset_id(server, 'readers')}/records"
        return str(call(server.running, "GET", path)[1]["items"][0]["status"])

    assert status() == "completed"
    assert backend.open(TargetSpec("readers", load_task("edit"), needed=2)) == place
    eventually(lambda: status() == "pending")
