"""Paraphrases share the answer of their source row, so decisions on it apply to them, too."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import synth
from synth.api import export
from synth.llm.base import Json
from tests.review.desk_review import give, pull_file, push_file, run_desk

MACHINES = 4
WORDINGS = (
    "What is the way to clean machine {i} before the 12 o'clock shift?",
    "Before the 12 o'clock shift, how is machine {i} cleaned?",
    "Cleaning machine {i} ahead of the 12 o'clock shift: how do I do it?",
    "Tell me how to clean machine {i} before the shift at 12 o'clock.",
    "How should machine {i} be cleaned before the 12 o'clock shift begins?",
    "Which way do I clean machine {i} before the shift of 12 o'clock?",
)
CHILDISH = "Please, how do I clean machine {i} before the 12 o'clock shift?"
STAGES: list[Any] = [
    {"respond": {}},
    {"paraphrase": {"variants": 2}},
    {"paraphrase": {"as": "again", "variants": 1, "from": ["paraphrase"], "styles": ["as a child"]}},
]
REJECTED: Json = {"status": "discarded", "reasons": ["wrong"]}


def machines(folder: Path, **keys: Any) -> Path:
    """A recipe whose model answers each of the requests, and rewords it in other words each time."""
    rules: list[Json] = []
    for i in range(MACHINES):
        rules.append({"match": f"machine {i} .*Reword it as a child", "text": CHILDISH.format(i=i)})
        rules.append(
            {"match": f"machine {i} .*Reword it", "replies": [text.format(i=i) for text in WORDINGS]}
        )
        rules.append({"match": f"machine {i} ", "text": f"Wipe it {i} times."})
    write(folder / "script.jsonl", rules)
    write(folder / "judge.jsonl", [{"match": "", "text": {"covered": True}}])
    asked = [f"How do I clean machine {i} before the 12 o'clock shift?" for i in range(MACHINES)]
    write(folder / "prompts.jsonl", [{"instruction": request} for request in asked])
    recipe = {
        "name": "desk",
        "models": {
            "writer": {"provider": "fake", "script": "script.jsonl"},
            "judge": {"provider": "fake", "model": "judge", "script": "judge.jsonl"},
        },
        "sources": {"prompts": "prompts.jsonl"},
        "stages": STAGES,
        "review": {"rows": "all"},
        **keys,
    }
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return file


def write(path: Path, lines: list[Json]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def family(run: Path, machine: int) -> list[Json]:
    """Every row about a machine: the request, its wordings, the wordings of those."""
    rows = [row for row in synth.open(run).rows() if f"machine {machine} " in row["messages"][0]["content"]]
    assert [row["lineage"]["stage"] for row in rows].count("paraphrase") >= 2
    return sorted(rows, key=lambda row: ("respond", "paraphrase", "again").index(row["lineage"]["stage"]))


def exported(run: Path) -> dict[str, str]:
    """The answer to every request that is exported, on either side of the split."""
    folder = export(run, "messages").folder
    lines = [line for file in folder.glob("t*.jsonl") for line in file.read_text().splitlines()]
    pairs = [[message["content"] for message in json.loads(line)["messages"]] for line in lines]
    return dict(pairs)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Machine 0's answer was edited, machine 1's rejected, and of machine 2 a wording was rejected alone."""
    out = tmp_path / "out"
    assert run_desk(machines(tmp_path), out)["accepted"] == MACHINES * 5
    push_file(out)
    families = [family(out, machine) for machine in range(3)]
    mine: Json = {"response": "Ask Ann first, then wipe it.", "quality": 2}
    give(
        out,
        {
            families[0][0]["id"]: {"ann": mine},
            families[1][0]["id"]: {"ann": REJECTED},
            families[2][1]["id"]: {"bob": REJECTED},
        },
    )
    assert pull_file(out).new == 3
    return out


def test_wordings_of_an_edited_row_are_exported_with_its_answer(run: Path) -> None:
    first, *wordings = family(run, 0)
    assert first["review"]["status"] == "edited"
    assert len(wordings) == 4
    for row in wordings:
        assert row["status"] == "kept"
        assert row["messages"][-1]["content"] == "Ask Ann first, then wipe it."
        assert row["history"][-1]["did"] == ["took_over_answer"]
        assert row["history"][-1]["before"] == "Wipe it 0 times."
    answers = [answer for request, answer in exported(run).items() if "machine 0 " in request]
    assert set(answers) == {"Ask Ann first, then wipe it."}


def test_wordings_of_a_rejected_row_go_with_it(run: Path) -> None:
    first, *wordings = family(run, 1)
    assert (first["stage"], first["reason"]) == ("review", "rejected")
    assert [(row["status"], row["stage"], row["reason"]) for row in wordings] == [
        ("dropped", "review", "parent rejected")
    ] * 4
    assert not any("machine 1 " in request for request in exported(run))


def test_a_rejected_wording_takes_only_its_own_wordings_along(run: Path) -> None:
    first, gone, kept, *again = family(run, 2)
    assert (first["status"], gone["reason"], kept["status"]) == ("kept", "rejected", "kept")
    of_gone, of_kept = sorted(again, key=lambda row: row["lineage"]["parents"] != [gone["id"]])
    assert of_gone["reason"] == "parent rejected"
    assert of_kept["status"] == "kept"
    assert all(row["status"] == "kept" for row in family(run, 3))


def test_every_number_still_adds_up(run: Path) -> None:
    funnel = synth.open(run).funnel()
    for before, line in pairwise(funnel):
        assert line.came == before.passed
    assert funnel[-1].dropped == {"rejected": 2, "parent rejected": 5}
    assert funnel[-1].passed == MACHINES * 5 - 7


def test_a_replay_ends_with_the_same_rows(run: Path) -> None:
    before = {row["id"]: row for row in synth.open(run).rows()}
    for file in run.glob("rows.sqlite*"):
        file.unlink()
    assert run_desk(run.parent / "recipe.yaml", run)["requests"] == 0
    assert {row["id"]: row for row in synth.open(run).rows()} == before


def test_with_a_target_the_next_run_makes_up_for_all_that_went(tmp_path: Path) -> None:
    out, recipe = tmp_path / "out", machines(tmp_path, target=16)
    assert run_desk(recipe, out)["accepted"] == 16
    push_file(out)
    give(out, {family(out, 1)[0]["id"]: {"ann": REJECTED}})
    pull_file(out)
    gone = [row for row in family(out, 1) if row["status"] == "dropped"]
    assert len(gone) > 2
    again = run_desk(recipe, out)
    assert again["accepted"] == 16
    assert again["requests"] > 0
    assert all(row["status"] == "dropped" for row in family(out, 1))
    assert not any("machine 1 " in request for request in exported(out))
    assert run_desk(recipe, out)["requests"] == 0
