"""A run folder from a version before the overlay table opens, continues, and exports the same bytes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from zipfile import ZipFile

import pytest

from synth.api import export, open_run
from tests.review.desk_review import pull_file, run_desk

OLDER = Path(__file__).parent / "data" / "older_run.zip"
FILES = ("train.jsonl", "test.jsonl", "receipts.jsonl")
STATUSES = {"accepted", "conflict", "edited", "rejected", "restored"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The recipe, its `run` with decisions of each kind, and the `exports` that the older version wrote."""
    with ZipFile(OLDER) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def tables(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "run" / "rows.sqlite")) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master")}


def assert_exports_the_same(folder: Path) -> None:
    for form in ("messages", "trl-dpo", "trl-kto"):
        made = export(folder / "run", form, folder / "new" / form).folder
        for name in FILES:
            assert (made / name).read_bytes() == (folder / "exports" / form / name).read_bytes(), (form, name)


def assert_it_adds_up(folder: Path) -> None:
    funnel = open_run(folder / "run").funnel()
    for line, following in pairwise(funnel):
        assert following.came == line.passed
    assert funnel[-1].stage == "review"
    assert funnel[-1].passed == len(open_run(folder / "run"))


def test_it_is_read_as_it_is(folder: Path) -> None:
    rows = list(open_run(folder / "run").rows())
    assert {row["review"]["status"] for row in rows} >= STATUSES
    assert any(row["status"] == "superseded" for row in rows)
    assert_it_adds_up(folder)
    assert_exports_the_same(folder)
    assert "overlay" not in tables(folder), "reading changes nothing"


def decisions(folder: Path) -> dict[str, tuple[str, str]]:
    """The status of each row that people decided on, and what they decided."""
    rows = open_run(folder / "run").rows()
    return {
        row["id"]: (row["status"], row["review"]["status"])
        for row in rows
        if row["review"]["status"] in STATUSES
    }


def test_a_pull_changes_nothing(folder: Path) -> None:
    assert pull_file(folder / "run").new == 0
    assert "reviewed" not in tables(folder)
    assert_exports_the_same(folder)


def test_it_goes_on_with_new_prompts_and_keeps_every_decision(folder: Path) -> None:
    before = decisions(folder)
    assert len(before) == 5
    summary = run_desk(folder / "recipe.yaml", folder / "run")
    # `respond` shows the row itself, so its replies are used again. The other prompts have new texts.
    assert summary["reused"] >= 12
    assert_it_adds_up(folder)
    assert decisions(folder) == before
    assert run_desk(folder / "recipe.yaml", folder / "run")["requests"] == 0


def test_it_is_made_again_from_the_journals(folder: Path) -> None:
    run_desk(folder / "recipe.yaml", folder / "run")
    before = decisions(folder)
    for file in (folder / "run").glob("rows.sqlite*"):
        file.unlink()
    assert run_desk(folder / "recipe.yaml", folder / "run")["requests"] == 0
    assert_it_adds_up(folder)
    after = decisions(folder)
    assert after
    assert after.items() <= before.items()
