"""Runs of an earlier version open, export the same bytes, and go on with the prompts of this version.

`tests/data/old_runs.tar.xz` holds a recipe (`desk`), its finished run, one that a budget stopped, and exports
of the finished one. They were made when every stage had version 1.
"""

from __future__ import annotations

import tarfile
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from synth.api import export, run_with_result
from synth.review.run_recipe import run_recipe_of
from synth.row import Row
from synth.stages.backtranslate.options import BacktranslateOptions
from synth.store import RunFolder, RunReader
from synth.store.journal import read_records

OLD = Path(__file__).parent / "data/old_runs.tar.xz"
FILES = ("train.jsonl", "test.jsonl", "receipts.jsonl")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder with all of it."""
    with tarfile.open(OLD) as content:
        content.extractall(tmp_path, filter="data")
    # Its keys have other names now, which people change by hand; `recipe.json` in the runs stays as it was.
    recipe = tmp_path / "desk/recipe.yaml"
    now = recipe.read_text().replace("shortest:", "min_chars:").replace("longest:", "max_chars:")
    recipe.write_text(now)
    return tmp_path


def asked(run: Path) -> list[str]:
    return [record.identity for _, record in read_records(RunFolder(run).journal)]


def receipts(run: Path) -> list[bytes]:
    reader = RunReader(run)
    try:
        return [orjson.dumps(row.to_json()) for row in reader.rows()]
    finally:
        reader.close()


def exported(old: Path, form: str) -> dict[str, bytes]:
    folder = export(old / "finished", format=form, out=old / "new" / form).folder
    return {name: (folder / name).read_bytes() for name in FILES}


def expected(old: Path, form: str) -> dict[str, bytes]:
    return {name: (old / "exports" / form / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("form", ["trl-sft", "trl-dpo"])
def test_the_export_of_a_finished_run_has_the_same_bytes(old: Path, form: str) -> None:
    assert exported(old, form) == expected(old, form)


def test_its_recipe_is_read_with_the_names_that_keys_have_now(old: Path) -> None:
    assert b'"shortest"' in RunFolder(old / "finished").recipe.read_bytes()
    with closing(RunReader(old / "finished")) as reader:
        recipe = run_recipe_of(reader)
    options = {stage.kind: stage.options for stage in recipe.stages}
    assert isinstance(options["backtranslate"], BacktranslateOptions)
    assert (options["backtranslate"].min_chars, options["backtranslate"].max_chars) == (200, 500)


def test_a_finished_run_is_made_again_with_new_prompts(old: Path) -> None:
    run = old / "finished"
    before, rows = asked(run), len(receipts(run))
    result = run_with_result(old / "desk/recipe.yaml", run)
    assert result.error is None
    assert asked(run)[: len(before)] == before, "the journal keeps every reply"
    # Candidates are asked for with the row alone, without a prompt of ours.
    assert result.summary["reused"] > 0
    assert len(receipts(run)) > rows, "old rows are superseded, and stay"
    again = run_with_result(old / "desk/recipe.yaml", run).summary
    assert (again["requests"], again["reused"]) == (0, 0)


def test_a_stopped_run_opens_and_goes_on(old: Path) -> None:
    run = old / "stopped"
    reader = RunReader(run)
    waiting = [row for row in reader.rows() if row.pending]
    reader.close()
    assert {row.stage for row in waiting} == {"respond", "dedupe", "check"}
    assert all(Row.from_json(row.to_json()) == row for row in waiting)
    before = asked(run)
    assert run_with_result(old / "desk/recipe.yaml", run).error is None
    assert asked(run)[: len(before)] == before
    assert not set(asked(run)[len(before) :]) & set(before)
