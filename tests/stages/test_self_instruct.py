"""Self-Instruct's bound over its own 175 seed tasks, with rouge-score as the oracle."""

from __future__ import annotations

import json
import os
from itertools import combinations
from pathlib import Path

import pytest
from desks import desk, reasons, rows, run, said, seeds

import synth
from synth.stages.generate.options import (
    ALPACA_SAMPLING,
    SELF_INSTRUCT_KEYWORDS,
    SELF_INSTRUCT_SAMPLING,
    GenerateOptions,
)

DATA = Path(os.environ.get("SYNTH_DATA", "")) / "self_instruct_seeds.jsonl"


@pytest.mark.skipif(
    not os.environ.get("SYNTH_DATA") or not DATA.exists(),
    reason="SYNTH_DATA names no folder with self_instruct_seeds.jsonl",
)
def test_no_draft_is_closer_than_the_bound_to_any_seed_or_draft(tmp_path: Path) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    tasks = [json.loads(line) for line in DATA.read_text().splitlines()]
    assert len(tasks) == 175
    lines = [
        json.dumps({"instruction": t["instruction"], "response": t["instances"][0]["output"]}) for t in tasks
    ]
    (tmp_path / "seeds.jsonl").write_text("\n".join(lines))
    recipe = desk(tmp_path, [{"generate": {"count": 150}}], [], sources={"seeds": "seeds.jsonl"})
    assert run(recipe).error is None
    drafts = [said(row)[0] for row in rows(recipe, status="kept")]
    dropped = [row["reason"] for row in rows(recipe, status="dropped")]
    assert len(drafts) == 150
    assert "not_novel" in dropped
    seeds = sorted({task["instruction"] for task in tasks})
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    pairs = [*combinations(drafts, 2), *((draft, seed) for draft in drafts for seed in seeds)]
    highest = max(scorer.score(a, b)["rougeL"].fmeasure for a, b in pairs)
    assert highest <= 0.7


def test_at_the_start_human_examples_take_the_place_of_machine_made_ones(tmp_path: Path) -> None:
    seeds(tmp_path, 12)
    recipe = desk(tmp_path, [{"generate": {"count": 12}}], [], sources={"seeds": "seeds.jsonl"}, window=1)
    assert run(recipe).error is None
    human = {row["id"] for row in synth.open(recipe).rows() if not row["lineage"]["stage"]}
    kept_before = 0
    shown = []
    for draft in rows(recipe):
        shots = draft["lineage"]["shots"]
        assert len(set(shots)) == 8
        shown.append(len(set(shots) - human))
        assert shown[-1] == min(2, kept_before)
        kept_before += draft["status"] == "kept"
    assert {0, 1, 2} <= set(shown)


def test_an_answer_cut_by_its_length_is_no_draft(tmp_path: Path) -> None:
    seeds(tmp_path, 8)
    whole = {"instruction": "How do I oil the lathe in winter?", "response": "With thin oil."}
    script = [{"match": ".", "text": whole, "finish": "length"}]
    recipe = desk(tmp_path, [{"generate": {"count": 1}}], script, sources={"seeds": "seeds.jsonl"})
    run(recipe)
    assert not rows(recipe, status="kept")
    assert set(reasons(recipe)) == {"cut"}


def test_alpacas_constants() -> None:
    assert GenerateOptions().default_sampling == ALPACA_SAMPLING
    assert ALPACA_SAMPLING.set_values() == {"temperature": 1.0, "top_p": 1.0}


def test_the_papers_constants() -> None:
    options = GenerateOptions()
    assert (options.shots, options.shots_from_drafts, options.novelty) == (8, 2, 0.7)
    assert (options.min_words, options.max_words) == (4, 150)
    assert GenerateOptions(answers=False).default_sampling == SELF_INSTRUCT_SAMPLING
    assert SELF_INSTRUCT_SAMPLING.set_values() == {
        "temperature": 0.7, "top_p": 0.5, "presence_penalty": 2.0,
    }  # fmt: skip
    assert options.keywords == SELF_INSTRUCT_KEYWORDS
    assert set(SELF_INSTRUCT_KEYWORDS) == {
        *("image", "images", "graph", "graphs", "picture", "pictures", "file", "files", "map", "maps"),
        *("draw", "plot", "go to"),
    }
