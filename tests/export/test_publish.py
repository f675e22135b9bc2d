"""The target of an export: no user's file is overwritten or removed, and no link is followed."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from export_runs import chat, drafts, make_run, read_all, seed

from synth.cli import main
from synth.errors import InputError, MachineError
from synth.exports import export_run
from synth.exports.publish import staging_folder

ASKED = chat("How do I cancel a booking?", "Open it, then choose Cancel.", "Be brief.")
FILES = ["README.md", "manifest.json", "receipts.jsonl", "test.jsonl", "train.jsonl"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that can be exported."""
    return make_run(tmp_path / "run", [seed(ASKED), *drafts(3)])


def change(run: Path) -> None:
    """From now on, its export is another one."""
    recipe = run / "recipe.json"
    recipe.write_text(recipe.read_text().replace('"mit"', '"apache-2.0"'))


@pytest.mark.parametrize("name", [".data.new", ".data.old", ".synth-export-1234", "data.new", ".data"])
def test_a_folder_of_the_user_beside_it_stays(tmp_path: Path, run: Path, name: str) -> None:
    mine = tmp_path / name
    (mine / "new").mkdir(parents=True)
    (mine / "new" / "thesis.tex").write_text("years")
    export_run(run, out=tmp_path / "data")
    assert (mine / "new" / "thesis.tex").read_text() == "years"


def test_a_link_beside_it_is_not_followed(tmp_path: Path, run: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years")
    with staging_folder(tmp_path / "data", tmp_path / "old") as made:
        name = made.path.name
    for link in (".data.new", name):
        (tmp_path / link).symlink_to(mine)
    export_run(run, out=tmp_path / "data")
    assert read_all(mine) == {"thesis.tex": b"years"}
    assert (tmp_path / name).is_symlink()


def test_a_folder_with_the_name_of_a_leftover_and_other_files_stays(tmp_path: Path, run: Path) -> None:
    with staging_folder(tmp_path / "data", tmp_path / "old") as made:
        mine = made.path.with_name(made.path.name + "x")
    mine.mkdir()
    (mine / made.lock.name).touch()
    (mine / "thesis.tex").write_text("years")
    export_run(run, out=tmp_path / "data")
    assert (mine / "thesis.tex").read_text() == "years"


@pytest.mark.parametrize(
    "manifest",
    [
        '{"name": "shop", "version": 3, "manifest_version": 3}',
        '{"name": "shop", "icons": [], "files": {"README.md": {}}}',
        '{"version": 1, "format": "x", "recipe": {"name": "a", "sha256": "b"}, "files": ["README.md"]}',
        '{"version": 1, "format": "x", "recipe": {"name": "a", "sha256": "b"}, "files": {}}',
        '{"tool": "synth export"}',
        "[1, 2]",
        "not JSON",
        "",
    ],
)
def test_the_manifest_of_another_tool_is_no_export(tmp_path: Path, run: Path, manifest: str) -> None:
    mine = tmp_path / "app"
    mine.mkdir()
    (mine / "manifest.json").write_text(manifest)
    with pytest.raises(InputError, match="is not empty and not an export"):
        export_run(run, out=mine)
    assert read_all(mine) == {"manifest.json": manifest.encode()}


def test_an_export_from_before_the_mark_is_one(tmp_path: Path, run: Path) -> None:
    first = export_run(run, out=tmp_path / "data").folder
    manifest = json.loads((first / "manifest.json").read_text())
    del manifest["tool"]
    (first / "manifest.json").write_text(json.dumps(manifest))
    before = read_all(first)
    second = export_run(run, out=first)
    assert second.replaced is not None
    assert read_all(second.replaced) == before


def test_out_goes_anywhere_but_onto_what_is_no_export(tmp_path: Path, run: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert export_run(run, out=tmp_path / "empty").changed
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years")
    with pytest.raises(InputError, match="is not empty and not an export"):
        export_run(run, out=tmp_path / "full")
    for inside in ("thesis.tex", "thesis.tex/data"):
        with pytest.raises(InputError, match=r"thesis\.tex: is a file"):
            export_run(run, out=tmp_path / "full" / inside)
    for old in ("old", "old/1"):
        with pytest.raises(InputError, match="is the folder for replaced exports"):
            export_run(run, out=run / "export" / old)


@pytest.mark.parametrize("out", [".", "", "..", "/", "x" * 256, "x/" * 2500, "loop"])
def test_what_cannot_be_a_folder_is_an_error_in_the_arguments(
    tmp_path: Path, run: Path, out: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "loop").symlink_to(here / "loop")
    (here / "notes").touch()
    monkeypatch.chdir(here)
    with pytest.raises(SystemExit) as ended:
        main(["export", str(run), "--out", out])
    assert ended.value.code == 2
    said = capfd.readouterr().err
    assert "--out" in said
    assert len(said) < 400
    assert sorted(entry.name for entry in here.iterdir()) == ["loop", "notes"]


def test_the_empty_folder_that_one_is_in_is_not_replaced(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="is the current folder or contains it"):
        export_run(run, out=Path("."))


def test_a_long_name_that_a_disk_takes_is_taken(tmp_path: Path, run: Path) -> None:
    assert sorted(read_all(export_run(run, out=tmp_path / ("x" * 255)).folder)) == FILES


@pytest.mark.parametrize("there", ["empty", "export", "nothing"])
def test_a_link_stays_one_and_its_target_gets_the_export(tmp_path: Path, run: Path, there: str) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    if there != "nothing":
        real.mkdir()
    link.symlink_to(real)
    if there == "export":
        export_run(run, out=real)
        change(run)
    result = export_run(run, out=link)
    assert link.is_symlink()
    assert sorted(read_all(real)) == FILES
    assert (result.replaced is not None) == (there == "export")


def test_two_exports_do_not_write_to_one_place(run: Path) -> None:
    target, kept = run / "export" / "trl-sft", run / "export" / "old"
    with staging_folder(target, kept), pytest.raises(MachineError, match="another export"):
        export_run(run)
    assert sorted(read_all(export_run(run).folder)) == FILES
    assert os.listdir(run / "export") == ["trl-sft"]


def test_many_exports_at_once_leave_one_and_nothing_else(tmp_path: Path, run: Path) -> None:
    ended: list[object] = []

    def once() -> None:
        try:
            ended.append(export_run(run, out=tmp_path / "data"))
        except MachineError as error:
            ended.append(error.message)

    threads = [threading.Thread(target=once) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [each for each in ended if isinstance(each, str)]
    assert len(ended) == 6
    assert set(refused) <= {"another export is writing there."}
    assert len(refused) < 6
    assert sorted(read_all(tmp_path / "data")) == FILES
    assert sorted(os.listdir(tmp_path)) == ["data", "run"]


def left_behind(target: Path, kept: Path) -> Path:
    """A folder as a killed export leaves it."""
    with staging_folder(target, kept) as made:
        copy = shutil.copytree(made.path, made.path.with_name(made.path.name + "k"))
    (copy / "new" / "train.jsonl").write_text('{"half": ')
    (copy / "new" / "stray").mkdir()
    return copy


def test_what_a_killed_export_left_behind_is_cleared(run: Path) -> None:
    left = left_behind(run / "export" / "trl-sft", run / "export" / "old")
    folder = export_run(run).folder
    assert not left.exists()
    assert sorted(read_all(folder)) == FILES


@pytest.mark.parametrize("new_is_there", [False, True])
def test_the_export_that_a_killed_one_was_to_replace_is_kept(
    tmp_path: Path, run: Path, new_is_there: bool
) -> None:
    """Killed between its two renames, or after both and before the old one was put away."""
    target = export_run(run, out=tmp_path / "data").folder
    before = read_all(target)
    left = left_behind(target, run / "export" / "old")
    target.rename(left / "replaced")
    change(run)
    if new_is_there:
        (left / "new").rename(target)
        (target / "manifest.json").write_text('{"version": 1, "tool": "synth export"}')
    export_run(run, out=target)
    assert read_all(run / "export" / "old" / "1") == before
    assert not left.exists()


def test_a_disk_without_locks_is_said_to_be_one(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(MachineError, match=r"no file locks.*local disk with --out"):
        export_run(run, out=tmp_path / "data")
    assert os.listdir(tmp_path) == ["run"]
