"""Self-Instruct's bound over its own 175 seed tasks, with rouge-score as the oracle."""

from __future__ import annotations

import json
import os
from itertools import combinations
from pathlib import Path

import pytest
from desks import desk, rows, run, said

from synth.stages.options import SELF_INSTRUCT_KEYWORDS, SELF_INSTRUCT_SAMPLING, GenerateOptions

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


def test_the_papers_constants() -> None:
    options = GenerateOptions()
    assert (options.shots, options.machine_shots, options.novelty) == (8, 2, 0.7)
    assert (options.min_words, options.max_words) == (4, 150)
    assert SELF_INSTRUCT_SAMPLING.set_values() == {
        "temperature": 0.7, "top_p": 0.5, "presence_penalty": 2.0, "max_tokens": 1024,
    }  # fmt: skip
    assert {"image", "graph", "file", "map", "draw", "plot", "go to"} <= set(SELF_INSTRUCT_KEYWORDS)
