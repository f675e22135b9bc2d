"""A run with a target ends at the same row whatever the speed of replies."""

from __future__ import annotations

from pathlib import Path

import synth
from synth.api import run_with_result
from synth.errors import Unfinished
from synth.pipeline.maker import PATIENCE


def test_a_target_out_of_reach_stops_at_the_same_row(desk: Path, tmp_path: Path) -> None:
    """Drafts that were under way when it stopped are no rows: how many there are depends on time."""
    settings = ("target=10", "stages.score.keep='> 5'", "window=64")
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
    settings = ("target=10", "stages.score.keep='> 5'")
    for _ in range(2):
        result = run_with_result(desk, tmp_path / "out", settings=settings)
        assert isinstance(result.error, Unfinished)
        assert "nearly nothing is any more" in result.error.message
        assert result.summary["requests"] >= PATIENCE
