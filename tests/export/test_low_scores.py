"""An export of drafts with the lowest score gives a warning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import synth
from synth.pipeline.progress import Progress


def warnings_of(desk: Path, stage: str, score: str) -> list[str]:
    """What `export` says when the judge gives every draft this score."""
    rule = {"match": "You grade", "text": json.dumps({"score": int(score), "correct": 3, "tone": int(score)})}
    (desk.parent / "judge.jsonl").write_text(json.dumps(rule) + "\n")
    text = desk.read_text().replace("model: judge", "model: judge, script: judge.jsonl")
    desk.write_text(text.replace("{rubric: quality, keep: '>= 2'}", stage))
    return synth.export(synth.run(desk, progress=Progress())).warnings


@pytest.mark.parametrize(
    ("stage", "score", "told"),
    [
        ("{score_from: text}", "1", True),
        ("{score_from: text, as: mark}", "1", True),
        ("{score_from: text}", "2", False),
        ("{score_from: text, keep: '>= 1'}", "1", False),
        ("{score_from: text, rubrics: [correct, tone], as: mark}", "1", True),
        ("{score_from: text, rubrics: [correct, tone], as: mark}", "2", False),
    ],
)
def test_lowest_scores_without_keep_are_told(desk: Path, stage: str, score: str, told: bool) -> None:
    found = [warning for warning in warnings_of(desk, stage, score) if "lowest score" in warning]
    assert len(found) == told
    if told:
        key = "mark" if "mark" in stage else "quality"
        key = "mark.correct, mark.tone" if "rubrics" in stage else key
        assert f"drafts have the lowest score ({key} 1 of 5)." in found[0]
        count, _, total = found[0].split(" ")[:3]
        assert count == total != "0"
