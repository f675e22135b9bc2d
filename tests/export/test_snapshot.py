"""An export of a running run is a snapshot of one moment, and its paths are relative to the recipe."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import orjson
import pytest
from export_runs import chat, drafts, held_out, make_run, read_lines

import synth
from synth.exports import export_run
from synth.exports.formats import FORMATS
from synth.exports.formats.base import Format
from synth.row import Row
from synth.slot import order_key
from synth.store import RunReader, database
from synth.store.folder import RunFolder
from synth.store.writer import row_line

ROWS = [held_out(chat("Hello?", "Hello!")), *drafts(6)]


def write_meanwhile(run: Path, rows: list[Row]) -> None:
    """What another `synth run` of an edited recipe does: a new version, new rows, another recipe."""
    connection = database.connect(RunFolder(run).database, writable=True)
    connection.execute("UPDATE meta SET value = '2' WHERE key = 'version'")
    for number, row in enumerate(rows):
        line = row_line(row, order_key((9, number)), 2)
        connection.execute("INSERT OR REPLACE INTO rows VALUES (?,?,?,?,?,?,?,?,?,?,?)", line)
    connection.close()
    file = RunFolder(run).recipe
    recipe = orjson.loads(file.read_bytes())
    recipe["stages"] = recipe["stages"][:1]
    file.write_bytes(orjson.dumps(recipe))


def test_a_snapshot_stands_still_and_what_follows_it_does_not(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ROWS)
    reader = RunReader(run)
    with reader.snapshot():
        before = ([*reader.rows()], reader.counts(), reader.stage_names())
        write_meanwhile(run, drafts(3, start=50))
        assert ([*reader.rows()], reader.counts(), reader.stage_names()) == before
    with reader.snapshot():
        assert reader.counts() == {"kept": 3, "superseded": 7}
        assert reader.stage_names() == ["generate"]
    reader.close()


def test_an_export_is_of_one_moment_while_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = export_run(make_run(tmp_path / "quiet", ROWS))
    run = make_run(tmp_path / "busy", ROWS)
    usual = FORMATS["trl-sft"]
    written: list[str] = []

    def record(example: object) -> object:
        if not written:
            write_meanwhile(run, drafts(3, start=50))
        written.append("a row")
        return usual.record(example)  # type: ignore[arg-type]

    watched = Format(usual.name, usual.about, record, usual.rules)  # type: ignore[arg-type]
    monkeypatch.setitem(FORMATS, usual.name, watched)
    busy = export_run(run)
    for file in ("train.jsonl", "test.jsonl", "receipts.jsonl", "README.md"):
        assert (busy.folder / file).read_bytes() == (quiet.folder / file).read_bytes()


def project(folder: Path, out: Path | None = None) -> Path:
    """A recipe that mixes in a file beside it, run once; where its run is."""
    folder.mkdir()
    rows = drafts(3, start=500)
    lines = [
        json.dumps(
            {
                "instruction": row.conversation.messages[0]["content"],
                "response": row.conversation.messages[1]["content"],
            }
        )
        + "\n"
        for row in rows
    ]
    (folder / "general.jsonl").write_text("".join(lines))
    (folder / "seeds.jsonl").write_text('{"instruction": "What does it cost?", "response": "Nothing."}\n')
    (folder / "recipe.yaml").write_text(
        "name: mixed\nmodels: {writer: {provider: fake}}\nsources: {seeds: seeds.jsonl}\n"
        "stages: [standardise: {}]\n"
        "export: {license: mit, mix: [{source: general.jsonl, rows: 2}]}\n"
    )
    return synth.run(folder / "recipe.yaml", out=out).path


def mixed_rows(folder: Path) -> int:
    return sum("mixed" in receipt for receipt in read_lines(folder / "receipts.jsonl"))


def test_paths_start_at_the_recipe_wherever_one_stands(tmp_path: Path) -> None:
    recipe = project(tmp_path / "here").parent.parent / "recipe.yaml"
    assert mixed_rows(synth.export(recipe).folder) == 2


def test_a_run_elsewhere_knows_where_its_recipe_is(tmp_path: Path) -> None:
    run = project(tmp_path / "here", out=tmp_path / "far" / "away")
    assert mixed_rows(synth.export(run).folder) == 2


def test_a_project_can_be_moved_as_a_whole(tmp_path: Path) -> None:
    project(tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert mixed_rows(synth.export(tmp_path / "there" / "runs" / "mixed").folder) == 2


def test_a_recipe_says_how_to_export_now(tmp_path: Path) -> None:
    run = project(tmp_path / "here")
    recipe = tmp_path / "here" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("rows: 2", "rows: 1"))
    assert mixed_rows(synth.export(recipe).folder) == 1
    assert mixed_rows(synth.export(run).folder) == 2
