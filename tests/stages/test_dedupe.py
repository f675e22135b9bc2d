"""`dedupe: {on: meaning}` on drafts: the first row stays, and a changed detail is no copy."""

from __future__ import annotations

from pathlib import Path

from desks import desk, rows, run, said, seeds

from synth.stages.dedupe.options import DedupeOptions

TEXTS = (
    "How do I cancel my subscription?",
    "How can I cancel the subscription?",
    "Please cancel the booking on Monday",
    "Please cancel the booking on Friday",
)


def test_the_first_row_of_a_meaning_stays(tmp_path: Path) -> None:
    seeds(tmp_path, 2)
    script = [
        {"match": "You write messages", "text": {"requests": list(TEXTS)}},
        {"match": ".", "text": "At the desk."},
    ]
    stages = [{"generate": {"answers": False, "count": 4, "novelty": 0.95}}, {"dedupe": {"on": "meaning"}},
              {"respond": {}}]  # fmt: skip
    recipe = desk(tmp_path, stages, script, sources={"seeds": "seeds.jsonl"})
    assert run(recipe).error is None
    found = rows(recipe)
    assert [said(row)[0] for row in found if row["status"] == "kept"] == [TEXTS[0], *TEXTS[2:]]
    (dropped,) = [row for row in found if row["status"] == "dropped"]
    assert dropped["reason"] == "near_copy"
    assert dropped["detail"].endswith(f"with row {found[0]['id']}")
    assert dropped["cluster"] == found[0]["id"]
    # Words alone do not find it.
    assert run(recipe, "stages.dedupe.on=prompt", out=tmp_path / "words").summary["accepted"] == 4


def test_each_measure_has_its_own_threshold() -> None:
    assert DedupeOptions().threshold == 0.8
    assert DedupeOptions.model_validate({"on": "meaning"}).threshold == 0.9
    assert DedupeOptions.model_validate({"on": "meaning", "threshold": 0.7}).threshold == 0.7
