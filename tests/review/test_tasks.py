"""The review tasks: read, refused with errors, and created on a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import synth
from synth.cli.review_commands import Where, push_rows
from synth.errors import InputError
from synth.packaged import packaged
from synth.review.targets.base import Access
from synth.review.tasks import load_task, task_names
from synth.store import RunFolder
from tests.review.local_argilla import serving

OWN = """
name: own
description: Ours.
guidelines: Be kind.
fields: [{name: text, type: text}]
questions: [{name: verdict, type: label, labels: [good, bad]}]
"""


def test_the_tasks_that_come_with_synth() -> None:
    assert task_names() == ["edit", "label", "pair", "preference"]
    for name in task_names():
        task = load_task(name)
        assert task.name == name
        assert task.guidelines.startswith("# ")
        assert {"stage", "length", "cluster"} <= {each.name for each in task.metadata}
        assert [each.name for each in task.vectors] == ["meaning"]


def test_a_team_writes_its_own(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    assert load_task(path).questions[0].name == "verdict"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("name: own", "name: Own!"), "name"),
        (("type: label", "type: essay"), "questions.0"),
        (("guidelines: Be kind.\n", ""), "guidelines"),
        (("description: Ours.", "description: Ours.\ncolour: red"), "colour"),
        (("fields: [{name: text, type: text}]", "fields: []"), "fields"),
        (("name: own", "name: [own"), "YAML"),
    ],
)
def test_a_broken_one_is_refused_with_its_place(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace(*change))
    with pytest.raises(InputError, match=problem) as refused:
        load_task(path)
    assert refused.value.where == (f"{path}:3" if problem == "YAML" else str(path))


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="edit, label, pair, preference"):
        load_task("edti")


ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "edit": (
        {"prompt": [{"role": "user", "content": "Hi?"}]},
        {"response": "Hello.", "quality": 4, "reasons": ["form"]},
    ),
    "preference": (
        {"prompt": [{"role": "user", "content": "Hi?"}], "a": "Yes.", "b": "No."},
        {"choice": "b", "ranking": ["b", "a", "c", "d"], "better": "Hello."},
    ),
    "label": ({"text": "Where is my parcel?"}, {"label": "delivery", "sure": 3}),
    "pair": (
        {"source": "Refunds take a week.", "question": "How long?"},
        {
            "supported": "fully",
            "instruction": "How long does a refund take?",
            "response": "A week.",
            "quality": 5,
        },
    ),
}


@pytest.mark.heavy
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("default")  # the argilla client's own
def test_every_task_is_made_and_answered_on_a_real_server(tmp_path: Path) -> None:
    rg = pytest.importorskip("argilla", reason="needs the argilla client")
    with serving(tmp_path) as server:
        client = rg.Argilla(api_url=server.url, api_key=server.api_key)
        for name in task_names():
            task = load_task(name)
            settings = task.settings(labels=["delivery", "refund"], dimensions=3, min_submitted=2)
            dataset = rg.Dataset(name, workspace="argilla", settings=settings, client=client).create()
            fields, answers = ROWS[name]
            suggestions = [rg.Suggestion(question, value) for question, value in answers.items()]
            responses = [
                rg.Response(question, value, user_id=client.me.id) for question, value in answers.items()
            ]
            record = rg.Record(
                id="row",
                fields=fields,
                metadata={"stage": "generate", "length": 7},
                vectors={"meaning": [1.0, 2.0, 3.0]},
                suggestions=suggestions,
                responses=responses,
            )
            dataset.records.log([record])
            made = client.datasets(name)
            assert made.guidelines == task.guidelines
            assert made.distribution.min_submitted == 2
            (kept,) = made.records(with_responses=True, with_suggestions=True, with_vectors=True)
            given = {each.question_name: each.value for each in kept.responses}
            assert given == answers
            assert kept.vectors["meaning"] == [1.0, 2.0, 3.0]


def test_a_run_folder_knows_where_its_recipes_task_is(desk: Path, tmp_path: Path) -> None:
    task = (packaged("argilla_config") / "tasks" / "edit.yaml").read_text(encoding="utf-8")
    (desk.parent / "mine.yaml").write_text(task.replace("name: edit", "name: mine"))
    out = tmp_path / "deep" / "down" / "out"
    synth.run(desk, out, settings=["review.task=mine.yaml"])
    assert push_rows(out, Where("file", None, Access()), as_json=True) == 0
    assert list(RunFolder(out).review.glob("*.jsonl"))
