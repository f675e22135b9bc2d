"""An export format of another package is found by its name, and its rows pass the same checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from export_runs import drafts, make_run, read_lines

from synth.errors import ExportError
from synth.exports import export_run
from tests.plugin_packages import install

LOUD = """
from synth.exports.formats.base import Format
from synth.exports.formats.rules import CONVERSATION

LOUD = Format(
    "loud",
    "a request and an answer",
    lambda example: {"ask": example.prompt[-1]["content"], "say": example.answer["content"]},
    CONVERSATION,
)
"""


def test_rows_are_written_in_a_format_of_another_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "loud_format", LOUD, "synth.formats: loud = loud_format:LOUD")
    rows = drafts(3)
    options = {"format": "loud", "split": {"train": 1, "test": 0}}
    result = export_run(make_run(tmp_path / "run", rows, export=options))
    assert result.format == "loud"
    written = read_lines(result.folder / "train.jsonl")
    assert [row["say"] for row in written] == [row.conversation.answer for row in rows]
    assert "a request and an answer" in (result.folder / "README.md").read_text()


def test_a_name_that_nobody_has_is_an_error_that_lists_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "louder_format", LOUD, "synth.formats: loud = louder_format:LOUD")
    with pytest.raises(ExportError, match=r"no format 'loudd'.*loud.*alpaca, loud"):
        export_run(make_run(tmp_path / "run", drafts(1)), format="loudd")


def test_what_is_no_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "no_format", "ODD = 3", "synth.formats: odd = no_format:ODD")
    with pytest.raises(ExportError, match="is no Format"):
        export_run(make_run(tmp_path / "run", drafts(1)), format="odd")
