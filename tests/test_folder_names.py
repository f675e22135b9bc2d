"""Every command works in folders with special characters of URLs and patterns in their names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from synth.cli import main


def said_by(capfd: pytest.CaptureFixture[str], *words: object) -> str:
    """What a command printed; it has to succeed."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    printed = capfd.readouterr()
    assert ended.value.code == 0, printed.err
    return printed.out


@pytest.mark.parametrize(
    "name", ["a#b", "a?mode=rw", "%41", "100%", "[ab]", "a*", "x;y&z", "two words", "é\n"]
)
def test_commands_in_a_folder_with_such_a_name(
    desk: Path, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / name / name
    folder.mkdir(parents=True)
    recipe = Path(shutil.copy(desk, folder / "recipe.yaml"))
    shutil.copy(tmp_path / "seeds.jsonl", folder)
    outside = {path for path in tmp_path.rglob("*") if not path.is_relative_to(folder)}
    run = folder / "runs" / "desk"
    small = ("--set", "stages.generate.count=5", "--set", "holdout.rows=50", "--json")
    assert json.loads(said_by(capfd, "run", recipe, *small))["accepted"] > 0
    assert len(said_by(capfd, "show", run, "--json").splitlines()) > 50
    assert json.loads(said_by(capfd, "export", run, "--json"))["files"]["train"] > 0
    out = folder / "exports" / name
    for changed in (True, False):
        exported = json.loads(said_by(capfd, "export", run, "--out", out, "--json"))
        assert exported["changed"] is changed
        assert (out / "train.jsonl").is_file()
    for command in ("push", "status", "pull"):
        said_by(capfd, "review", command, run, "--backend", "file", "--json")
    assert {path for path in tmp_path.rglob("*") if not path.is_relative_to(folder)} == outside
