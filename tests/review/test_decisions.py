"""The journal of decisions: a cut file is read up to its last complete line, and damage is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from synth.conversation import Conversation
from synth.errors import InputError
from synth.row import Lineage, Row
from synth.store import Answer, DecisionLog, ReviewTarget, ShownRow

PLACE = ReviewTarget("file:p", "file", "p", {"questions": []})
SHOWN = ShownRow("file:p", "r1", "random", 1, Row("r1", Conversation(), Lineage("prompt")), ("a", "b"))


def said(row: str = "r1", text: str = "x", at: str = "2026-01-01") -> Answer:
    return Answer("file:p", row, "ann", at, "submitted", {"response": text})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "d.jsonl")
    events = [PLACE, SHOWN, said(text="a\u2028b\nc"), said(text="later")]
    assert log.append(log.read(), events) == 4
    decisions = log.read()
    assert decisions.targets == {PLACE.id: PLACE}
    assert decisions.shown == {("file:p", "r1"): SHOWN}
    assert decisions.answers == {("file:p", "r1", "ann"): said(text="later")}
    assert (tmp_path / "d.jsonl").read_text(encoding="utf-8").count("a\u2028b\\nc") == 1


def test_what_is_known_is_not_written_again(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "d.jsonl")
    log.append(log.read(), [PLACE, SHOWN, said()])
    before = (tmp_path / "d.jsonl").read_bytes()
    assert log.append(log.read(), [PLACE, SHOWN, said(at="2026-02-02")]) == 0
    assert (tmp_path / "d.jsonl").read_bytes() == before


def test_cut_at_any_byte_it_goes_on_from_the_last_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    log = DecisionLog(file)
    log.append(log.read(), [PLACE, SHOWN, said(), said("r2")])
    whole = file.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole)):
        file.write_bytes(whole[:cut])
        decisions = log.read()
        counted = len(decisions.targets) + len(decisions.shown) + len(decisions.answers)
        assert counted == sum(end <= cut for end in ends)
        log.append(decisions, [PLACE, SHOWN, said(), said("r2")])
        assert file.read_bytes() == whole


def test_a_damaged_line_is_told_and_not_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    log = DecisionLog(file)
    log.append(log.read(), [PLACE, SHOWN, said()])
    file.write_bytes(file.read_bytes().replace(b'"needed":1', b'"needed":2'))
    with pytest.raises(InputError, match=r"d\.jsonl:2: the line is damaged"):
        log.read()
