"""A run with a target ends at the same row whatever the speed of replies."""

from __future__ import annotations

from pathlib import Path

import synth
from synth.api import run_with_result
from synth.errors import Unfinished


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
