"""A reviewed run as the source of the next one: only later decisions are noticed as changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from desk_review import give, pull_file, push_file, records, run_desk

import synth
from synth.api import run_with_result
from synth.pipeline.progress import Progress


@pytest.fixture
def first(desk: Path, tmp_path: Path) -> Path:
    """A finished run in `first`, of which 50 rows were pushed and nobody has read any yet."""
    run = tmp_path / "first"
    run_desk(desk, run)
    push_file(run)
    give(run, {records(run)[0]["id"]: {"ann": {"response": "Ann's own words.", "quality": 3}}})
    pull_file(run)
    return run


def second(folder: Path, source: dict[str, str]) -> Path:
    recipe = {
        "name": "second",
        "models": {"writer": {"provider": "fake"}},
        "sources": {"seeds": source},
        "stages": [{"generate": {"count": 3, "shots_from_drafts": 0}}],
    }
    file = folder / "second.yaml"
    file.write_text(yaml.safe_dump(recipe))
    return file


def answers(recipe: Path) -> set[str]:
    """Last words of the seeds of a run."""
    rows = synth.open(recipe).rows(status="kept")
    return {row["messages"][-1]["content"] for row in rows if row["lineage"]["stage"] is None}


def finished(recipe: Path) -> bool:
    """Runs it; whether there was nothing to do."""
    progress = Progress()
    result = run_with_result(recipe, progress=progress)
    assert result.error is None, result.error
    return any("Nothing to do" in line for line in progress.messages)


@pytest.mark.parametrize("only", [{"only": "reviewed"}, {}], ids=["reviewed rows", "all rows"])
def test_a_later_decision_is_noticed(first: Path, only: dict[str, str]) -> None:
    recipe = second(first.parent, {"run": "first", **only})
    assert not finished(recipe)
    before = answers(recipe)
    assert "Ann's own words." in before
    give(first, {records(first)[1]["id"]: {"bob": {"response": "Bob's own words.", "quality": 3}}})
    assert finished(recipe), "nothing counts before it is pulled"
    pull_file(first)
    assert not finished(recipe)
    assert answers(recipe) - before == {"Bob's own words."}
    pull_file(first)
    assert finished(recipe), "the same answers again change nothing"


def test_an_edited_recipe_of_the_source_is_noticed(first: Path, desk: Path) -> None:
    recipe = second(first.parent, {"run": "first"})
    assert not finished(recipe)
    replies = (first / "replies.journal").read_bytes()
    run_desk(desk, first, "stages.score.keep=1")
    assert (first / "replies.journal").read_bytes() == replies
    assert not finished(recipe), "other rows of the same replies are other seeds"
