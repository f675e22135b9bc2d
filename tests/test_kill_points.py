"""Kills each command before each of its file operations; the next call must continue without loss."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from synth.api import run_with_result
from synth.cli import main

KILLED_AT = Path(__file__).with_name("killed_at.py")
# More than any command touches its files; where it is reached, the command did not end by itself.
TOO_MANY = 100
# A file system of its own on Linux.
SECOND_DISK = Path("/dev/shm")


def synth(*words: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "synth", *map(str, words)], capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()


def killed_before(number: int, folder: Path, words: tuple[object, ...]) -> bool:
    """Whether the command was killed; otherwise it ended by itself, and well."""
    command = [sys.executable, str(KILLED_AT), str(folder), str(number), *map(str, words)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    if done.returncode == -signal.SIGKILL:
        return True
    assert done.returncode == 0, done.stderr.decode()
    return False


def places(parent: Path) -> Iterator[tuple[int, Path]]:
    """A number for each place to be killed at, and a folder to do it in."""
    for number in range(1, TOO_MANY):
        folder = parent / str(number)
        folder.mkdir(parents=True)
        yield number, folder
    pytest.fail(f"it touches its files {TOO_MANY} times or more")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def redacted(desk: Path) -> Path:
    """The desk, its people's data replaced: a file more that a run has to keep whole."""
    desk.write_text(desk.read_text().replace("stages:\n", "stages:\n  - redact: {}\n"))
    return desk


@pytest.mark.timeout(600)
def test_run_and_its_first_export(redacted: Path, tmp_path: Path) -> None:
    synth("run", redacted, "--out", tmp_path / "still")
    synth("export", tmp_path / "still", "--out", tmp_path / "whole")
    wanted = contents(tmp_path / "whole")
    for number, folder in places(tmp_path / "killed"):
        words = ("run", redacted, "--out", folder / "run")
        was_killed = killed_before(number, folder, words)
        synth(*words)
        synth("export", folder / "run", "--out", folder / "export")
        assert contents(folder / "export") == wanted, f"killed at {number}"
        if not was_killed:
            break
    assert number > 8


@pytest.mark.parametrize("gone", ["recipe.json", "rows.sqlite"])
@pytest.mark.parametrize("command", ["show", "export"])
def test_a_folder_without_rows_yet_says_so(
    desk: Path, tmp_path: Path, gone: str, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a call leaves it that was killed before its first row."""
    run = run_with_result(desk, tmp_path / "run", limit=1).summary["run"]
    Path(run, gone).unlink()
    with pytest.raises(SystemExit) as ended:
        main([command, run])
    assert ended.value.code == 2
    assert "has no rows yet" in capfd.readouterr().err


@pytest.fixture(params=["one disk", "two disks"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder to export to: on the disk of the run, or on another one."""
    if request.param == "one disk":
        yield tmp_path / "elsewhere"
        return
    if not SECOND_DISK.is_dir() or SECOND_DISK.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk")
    with tempfile.TemporaryDirectory(dir=SECOND_DISK) as folder:
        yield Path(folder)


@pytest.mark.timeout(600)
def test_an_export_that_replaces_another(desk: Path, tmp_path: Path, elsewhere: Path) -> None:
    """At every moment the old export or the new one is there, or the old one among those kept."""
    unchanged = tmp_path / "run"
    synth("run", desk, "--out", unchanged)
    synth("export", unchanged, "--out", tmp_path / "old")
    old = contents(tmp_path / "old")
    desk.write_text(desk.read_text() + "export: {format: openai}\n")
    synth("run", desk, "--out", unchanged)
    synth("export", unchanged, "--out", tmp_path / "new")
    new = contents(tmp_path / "new")
    assert old != new
    for number, folder in places(tmp_path / "killed"):
        run = shutil.copytree(unchanged, folder / "run")
        other = elsewhere / str(number)
        target = shutil.copytree(tmp_path / "old", other / "export")
        both = Path(f"{folder}{os.pathsep}{other}")
        was_killed = killed_before(number, both, ("export", run, "--out", target))
        left = [contents(each.parent) for each in manifests(folder, other) if each.parent.name != "new"]
        assert old in left or new in left, f"killed at {number}"
        synth("export", run, "--out", target)
        assert contents(target) == new, f"killed at {number}"
        assert contents(run / "export" / "old" / "1") == old, f"killed at {number}"
        assert [file for file in (run / "export" / "old").iterdir() if file.name != "1"] == []
        assert list(other.iterdir()) == [target], f"killed at {number}: its workshop is left"
        if not was_killed:
            break
    assert number > 8


def manifests(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from folder.rglob("manifest.json")


@pytest.mark.timeout(600)
def test_a_push_into_a_file(desk: Path, tmp_path: Path) -> None:
    """What was sent is the same, and a pull finds it, wherever the first push was killed."""
    synth("run", desk, "--out", tmp_path / "unsent")
    still = shutil.copytree(tmp_path / "unsent", tmp_path / "still")
    synth("review", "push", still, "--backend", "file")
    wanted = contents(still / "review")
    for number, folder in places(tmp_path / "killed"):
        run = shutil.copytree(tmp_path / "unsent", folder / "run")
        words = ("review", "push", run, "--backend", "file")
        was_killed = killed_before(number, folder, words)
        synth(*words)
        assert contents(run / "review") == wanted, f"killed at {number}"
        synth("review", "pull", run, "--backend", "file")
        if not was_killed:
            break
    assert number > 3
