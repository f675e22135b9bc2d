"""A review backend of another package is found by its name, and rows go there and back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import synth
from synth.cli import main
from synth.errors import InputError
from synth.review.targets import find_backend
from tests.plugin_packages import install
from tests.review.desk_review import run_desk

# People who like everything, and say so as soon as they see it.
BOARD = """
from synth.review.targets.base import ReviewBackend
from synth.store import Answer, ReviewTarget

SHOWN = {}


class BoardBackend(ReviewBackend):
    kind = "board"
    shares_targets = True

    @classmethod
    def connect(cls, run, access, say):
        return cls()

    def open(self, spec):
        SHOWN.setdefault(spec.name, {})
        return ReviewTarget(f"board:{spec.name}", self.kind, spec.name, spec.task.model_dump(mode="json"))

    def has(self, target):
        return target.name in SHOWN

    def is_taken(self, name, ours):
        return False

    def present(self, target):
        return dict.fromkeys(SHOWN[target.name], True)

    def send(self, target, records, sent):
        SHOWN[target.name] |= {record.row: record for record in records}
        sent(records)
        return []

    def answers(self, target):
        said = {"response": "Said on the board.", "quality": 5}
        at = "2026-01-31T12:00:00+00:00"
        yield [Answer(target.id, row, "board", at, "submitted", said) for row in SHOWN[target.name]]

    def next_step(self, pull):
        return f"Look at the board, then: {pull}"
"""


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    entry = "synth.review: board = board_of_theirs:BoardBackend"
    install(folder, monkeypatch, "board_of_theirs", BOARD, entry)


@pytest.mark.usefixtures("board")
def test_rows_go_to_a_backend_of_another_package_and_back(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "out"
    run_desk(desk, run, "review.rows=5")
    for command in ("push", "pull"):
        with pytest.raises(SystemExit) as ended:
            main(["review", command, str(run), "--backend", "board"])
        assert not ended.value.code
    shown = capsys.readouterr().out
    assert "Look at the board, then: " in shown
    # A path is shown as it is shortest from here.
    assert re.search(rf"review pull \S*{tmp_path.name}/out --backend board", shown)
    decided = [row for row in synth.open(run) if row["review"]["status"] != "none"]
    assert [row["messages"][-1]["content"] for row in decided] == ["Said on the board."] * 5
    lines = [json.loads(line) for line in (run / "decisions.jsonl").read_text().splitlines()]
    assert {line["backend"] for line in lines if line["kind"] == "place"} == {"board"}


@pytest.mark.usefixtures("board")
def test_a_name_that_nobody_has_is_an_error_that_lists_them() -> None:
    with pytest.raises(InputError, match=r"no backend 'bord'.*board.*argilla, file, board"):
        find_backend("bord")


def test_what_is_no_backend_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "no_backend", "class Odd: pass", "synth.review: odd = no_backend:Odd")
    with pytest.raises(InputError, match="is not a ReviewBackend"):
        find_backend("odd")
