"""An unfinished run prints the command that continues it, and this command works."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from synth.cli import main


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    assert isinstance(done.value.code, int)
    shown, said = capsys.readouterr()
    return done.value.code, shown + said


def command_of(text: str, head: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(head))
    program, *words = shlex.split(line.removeprefix(head))
    assert Path(program).name == "synth"
    return words


def test_a_spent_budget_says_on_what_and_names_the_command(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ("run", "recipe.yaml", "--out", "my run", "--limit", "30", "--set", "seed=5")
    code, text = printed(capsys, *given, "--set", "budget.requests=20")
    assert code == 1
    assert "the budget of 20 requests is spent (requests of this call: " in text
    again = command_of(text, "Continue:")
    assert again == [*given, "--set", "budget.requests=20"]
    assert printed(capsys, *again)[0] == 1
    code, text = printed(capsys, *again, "--set", "budget.requests=2000")
    assert code == 0
    assert "Continue:" not in text


def test_failed_rows_come_with_the_command_that_asks_again(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    desk.write_text(desk.read_text().replace("model: judge", "model: judge, fail: 0.4"))
    code, text = printed(capsys, "run", "recipe.yaml")
    assert code == 1
    assert command_of(text, "Failed rows:") == ["show", "recipe.yaml", "--status", "failed"]
    again = command_of(text, "Retry:")
    assert again == ["run", "recipe.yaml", "--retry-failed"]
    desk.write_text(desk.read_text().replace(", fail: 0.4", ""))
    code, text = printed(capsys, *again)
    assert code == 0
    assert "Retry:" not in text
    assert " 0 failed" in text
