"""The values of RUN and RECIPE, and commands in messages that work unchanged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import synth
from synth.errors import InputError

# Without the programs of this environment: what a message tells to type has to be a path.
BARE = {"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"]}


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "synth", *words]
    return subprocess.run(line, cwd=cwd, env=BARE, capture_output=True, text=True, timeout=100, check=False)


def type_it(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], cwd=cwd, env=BARE, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.fixture
def spaced(desk: Path) -> Path:
    """The desk in a folder whose name has a space and a quote; its parent."""
    folder = desk.parent / "ann's desk"
    folder.mkdir()
    for name in ("recipe.yaml", "seeds.jsonl"):
        (desk.parent / name).rename(folder / name)
    return folder.parent


def test_a_folder_names_its_recipe(spaced: Path) -> None:
    ran = command("run", "ann's desk", "--json", cwd=spaced)
    assert ran.returncode == 0, ran.stderr
    run = json.loads(ran.stdout)["run"]
    listed = [
        command("show", name, cwd=spaced).stdout for name in ("ann's desk", "ann's desk/recipe.yaml", run)
    ]
    assert listed[0] == listed[1] == listed[2]
    assert "generate" in listed[0]
    assert command("export", "ann's desk", cwd=spaced).returncode == 0
    assert command("doctor", "ann's desk", cwd=spaced).returncode == 0
    pushed = command("review", "push", "ann's desk", "--backend", "file", cwd=spaced)
    assert pushed.returncode == 0, pushed.stderr
    pull = pushed.stdout.partition("then: ")[2].splitlines()[0]
    assert type_it(pull, spaced).returncode == 0
    assert list(synth.open(spaced / "ann's desk")) == list(synth.open(spaced / run))


def test_the_commands_at_the_end_of_a_run_can_be_typed(spaced: Path) -> None:
    ran = command("run", "ann's desk", cwd=spaced)
    assert ran.returncode == 0, ran.stderr
    for start in ("Look at rows:", "Export:"):
        line = ran.stdout.partition(start)[2].splitlines()[0]
        done = type_it(line, spaced)
        assert done.returncode == 0, line + done.stderr


@pytest.mark.parametrize(
    ("words", "next_one"),
    [
        (("show", "ann's desk"), "run"),
        (("show", "ann's desk", "zzz"), "show"),
        (("review", "pull", "ann's desk", "--backend", "file"), "review push"),
    ],
)
def test_a_hint_names_the_run_that_is_meant(spaced: Path, words: tuple[str, ...], next_one: str) -> None:
    if next_one != "run":
        assert command("run", "ann's desk", cwd=spaced).returncode == 0
    failed = command(*words, cwd=spaced)
    assert failed.returncode == 2
    hint = re.findall("`([^`]*)`", failed.stderr)[-1]
    assert f"synth {next_one} " in hint
    if next_one == "review push":
        hint += " --backend file"
    done = type_it(hint, spaced)
    assert done.returncode == 0, hint + done.stderr


def test_folders_with_no_recipe_or_several(desk: Path) -> None:
    folder = desk.parent
    (folder / "notes.yaml").write_text("a: 1\n")
    desk.rename(folder / "first.yaml")
    assert command("run", ".", "--dry-run", cwd=folder).returncode == 0
    (folder / "second.yaml").write_text((folder / "first.yaml").read_text())
    for words in (("run", "."), ("show", "."), ("export", "."), ("doctor", ".")):
        failed = command(*words, cwd=folder)
        assert failed.returncode == 2
        assert "several recipes. Name one of them: first.yaml, second.yaml." in failed.stderr
    (folder / "recipe.yaml").write_text((folder / "first.yaml").read_text())
    assert command("run", ".", "--dry-run", cwd=folder).returncode == 0
    (folder / "none").mkdir()
    failed = command("show", "none", cwd=folder)
    assert failed.returncode == 2
    assert "contains no recipe" in failed.stderr
    with pytest.raises(InputError, match="contains no recipe"):
        synth.run(folder / "none")


def test_a_run_folder_cannot_be_run(desk: Path) -> None:
    ran = command("run", ".", "--json", cwd=desk.parent)
    failed = command("run", json.loads(ran.stdout)["run"], cwd=desk.parent)
    assert failed.returncode == 2
    assert "is a run folder, not a recipe" in failed.stderr


def test_without_a_command_the_help_is_printed(tmp_path: Path) -> None:
    for words in ((), ("review",)):
        done = command(*words, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stdout.startswith("Usage: ")
        assert not done.stderr


def test_wrong_usage_names_the_help_of_that_command(tmp_path: Path) -> None:
    failed = command("review", "push", cwd=tmp_path)
    assert failed.returncode == 2
    help_of_it = re.findall("`([^`]*)`", failed.stderr)[-1]
    assert "synth review push --help" in help_of_it
    assert type_it(help_of_it, tmp_path).returncode == 0
