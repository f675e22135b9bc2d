"""The card shows foreign names and texts literally, never as markup."""

from __future__ import annotations

from pathlib import Path

import pytest
from export_runs import chat, draft, drafts, held_out, make_run, seed

from synth.cli import main
from synth.exports import export_run
from synth.row import Lineage, Row, content_id
from tests.made_row import made_row

EVIL = "m\x1b[31m\u202e<script>alert(1)</script>|[x](http://evil.example)\n# head \\[y](z) &lt;b&gt; \x9b0m"


def evil_row() -> Row:
    """A draft whose model, prompt and label have such a text for a name."""
    messages = chat("What is it?", "Nothing.")
    lineage = Lineage("seed", ["p"], (), "generate", EVIL, EVIL, {}, "sha")
    return made_row(content_id("draft", messages), messages, lineage, status="kept", labels={"kind": EVIL})


def test_no_text_of_others_is_markup(tmp_path: Path) -> None:
    rows = [held_out(chat("Hello?", "Hello!")), evil_row(), *drafts(3)]
    text = (export_run(make_run(tmp_path / "run", rows)).folder / "README.md").read_text()
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    assert "<script" not in text
    assert "\n# head" not in text
    assert "m\\\\x1b\\[31m" in text
    assert "&lt;script>alert(1)&lt;/script>\\|\\[x](http://evil.example) # head \\\\\\[y](z)" in text


def test_rows_of_a_table_keep_their_cells(tmp_path: Path) -> None:
    rows = [held_out(chat("Hello?", "Hello!")), evil_row()]
    text = (export_run(make_run(tmp_path / "run", rows)).folder / "README.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("| generate |") and "31m" in line]
    assert line.replace("\\|", "").count("|") == 5


def test_one_line_says_that_the_checks_passed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run", [held_out(chat("Hello?", "Hello!")), *drafts(3)])
    with pytest.raises(SystemExit) as ended:
        main(["export", str(run), "--out", str(tmp_path / "out")])
    assert ended.value.code == 0
    said = capfd.readouterr().out
    checks = [line for line in said.splitlines() if "check" in line]
    assert checks == [f"  {len(export_run(run).checks)} checks passed; the card lists them"]


def test_held_out_rows_without_a_pair_are_not_called_missing(tmp_path: Path) -> None:
    candidates = [
        {"content": "Yes.", "model": "m", "score": 5.0},
        {"content": "No.", "model": "m", "score": 1.0},
    ]
    rows = [held_out(chat("Hello?", "Hello!")), draft(chat("Is it?", "Yes."), candidates=candidates)]
    result = export_run(make_run(tmp_path / "run", rows), format="trl-dpo")
    (note,) = [warning for warning in result.warnings if warning.startswith("test is empty")]
    assert note == (
        "test is empty: none of the 1 held-out rows gives a row of trl-dpo, since they have one answer each"
        " and no pair."
    )


def test_without_held_out_rows_a_holdout_is_what_is_missing(tmp_path: Path) -> None:
    result = export_run(make_run(tmp_path / "run", [seed(chat("Hello?", "Hello!"))]))
    assert "test is empty: set real rows aside with `holdout: {rows: N}`." in result.warnings
