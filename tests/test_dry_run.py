"""The estimate of `--dry-run` is what a run asks, where every draft is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from synth.api import run_to_end
from synth.pipeline.dry_run import dry_run

STAGES = {
    "generate": ({"count": 20}, 20),
    "backtranslate": ({}, 3 * 4),
    "paraphrase": ({"variants": 2}, 10 * 2 * 2),
    "target_failures": ({"each": 2}, 4 * 3),
    "respond": ({"turns": 2}, 5 * 3),
}


@pytest.mark.parametrize("kind", STAGES)
def test_one_stage_at_a_time(tmp_path: Path, kind: str) -> None:
    options, expected = STAGES[kind]
    seeds = [{"instruction": f"What is part {i} of the plan?", "response": "x"} for i in range(5)]
    prompts = [{"instruction": f"Which part is number {i}?"} for i in range(5)]
    failures = [{"instruction": f"Why {i}?", "response": "no", "problem": f"bad {i}"} for i in range(4)]
    for name, rows in (("seeds", seeds), ("prompts", prompts), ("failures", failures)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    for number in range(3):
        (tmp_path / f"{number}.md").write_text(f"Number {number} of all. " * 40)
    stages = [{kind: options}] if kind == "respond" else [{kind: options}, {"respond": {}}]
    sources = {name: f"{name}.jsonl" for name in ("seeds", "prompts", "failures")} | {"documents": "*.md"}
    recipe = {
        "name": "plan",
        "models": {"writer": {"provider": "fake"}},
        "sources": sources,
        "stages": stages,
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    plan = run_to_end(dry_run(tmp_path / "recipe.yaml", [], None))
    assert plan.requests == expected + (0 if kind == "respond" else 5)
    assert plan.prompts
    assert plan.prompt_tokens > 0
