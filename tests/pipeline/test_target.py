"""A run with a target ends at the same row whatever the speed of replies."""

from __future__ import annotations

from pathlib import Path

import synth
from synth.api import run_with_result
from synth.conversation import Conversation
from synth.errors import Unfinished
from synth.pipeline.scheduler.makers import PATIENCE
from synth.pipeline.target import Target
from synth.row import Lineage, Row
from synth.slot import Slot


def test_a_target_out_of_reach_stops_at_the_same_row(desk: Path, tmp_path: Path) -> None:
    """Drafts that were under way when it stopped are no rows: how many there are depends on time."""
    settings = ("target=10", "models.judge.script=ones.jsonl", "window=64")
    ends = []
    for delay in (0.0, 0.004):
        out = tmp_path / f"out{delay}"
        result = run_with_result(desk, out, settings=[*settings, f"models.judge.delay={delay}"])
        assert isinstance(result.error, Unfinished)
        assert "nearly nothing is any more" in result.error.message
        ends.append((result.error.message, list(synth.open(out).rows())))
    assert ends[0] == ends[1]


def test_replies_of_earlier_calls_alone_do_not_stop_a_run_again(desk: Path, tmp_path: Path) -> None:
    """What made its drafts bad may be mended by now: the call asks before it judges."""
    settings = ("target=10", "models.judge.script=ones.jsonl")
    for _ in range(2):
        result = run_with_result(desk, tmp_path / "out", settings=settings)
        assert isinstance(result.error, Unfinished)
        assert "nearly nothing is any more" in result.error.message
        assert result.summary["requests"] >= PATIENCE


def slot(number: int, *drafts: Row) -> Slot:
    return Slot((1, number), list(drafts))


def draft(name: str) -> Row:
    return Row(name, Conversation(), Lineage("seed", stage="generate"))


def test_drafts_beyond_the_target_are_cut_and_decide_it() -> None:
    target = Target(3, lambda row: row.draft and row.status != "dropped")
    first, second = slot(0, draft("a"), draft("b")), slot(1, draft("c"), draft("d"))
    second.settled.append((draft("e").dropped("dedupe", "near_copy"), 2))
    for each in (first, second):
        target.cut(each)
        target.note([row for row, _ in each.every])
        target.judge(asked=1)
    assert [row.id for row in (*first.rows, *second.rows)] == ["a", "b", "c"]
    assert (target.accepted, target.reached, target.decided) == (3, True, True)
    assert target.hopeless is None


def test_a_yield_of_nothing_is_judged_after_as_many_requests_as_it_takes() -> None:
    target = Target(3, lambda row: row.status == "kept")
    for number in range(PATIENCE):
        assert not target.decided
        target.note([draft(str(number)).dropped("score", "low_score", "1 of 5")])
        target.judge(asked=PATIENCE - 1)
    assert not target.decided
    target.judge(asked=PATIENCE)
    assert target.hopeless is not None
    assert f"low_score {PATIENCE} times" in target.hopeless.message
    assert target.decided
    assert not target.reached


def test_room_follows_the_share_that_is_accepted() -> None:
    target = Target(10, lambda row: row.status == "kept")
    assert target.room(in_flight=0, most=99) == 11
    for number in range(9):
        row = draft(str(number))
        target.note([row.kept() if number % 3 == 0 else row.dropped("score", "low_score")])
    assert target.accepted == 3
    assert target.room(in_flight=5, most=99) == int(7 / 0.4) + 1 - 5
    assert Target(None, lambda row: True).room(in_flight=5, most=99) == 99
