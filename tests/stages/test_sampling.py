"""Whose sampling parameters a request has: the stage's, the model's, or the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from desks import desk, requests, rows, run, seeds

from synth.stages.generate.options import ALPACA_SAMPLING, SELF_INSTRUCT_SAMPLING

PAPER = ALPACA_SAMPLING.set_values()
MODEL = {"temperature": 0.6, "top_p": 0.95, "max_tokens": 4096}


@pytest.mark.parametrize(
    ("stage", "model", "expected"),
    [
        ({}, {}, PAPER | {"max_tokens": 1024}),
        ({}, {"max_tokens": 4096}, PAPER | {"max_tokens": 4096}),
        ({}, MODEL, MODEL),
        ({"temperature": 1.0}, {}, {"temperature": 1.0, "max_tokens": 1024}),
        ({"temperature": 1.0}, MODEL, MODEL | {"temperature": 1.0}),
        ({"max_tokens": 99}, {}, PAPER | {"max_tokens": 99}),
    ],
)
def test_the_recipe_comes_before_the_paper(
    tmp_path: Path, stage: dict[str, Any], model: dict[str, Any], expected: dict[str, Any]
) -> None:
    seeds(tmp_path)
    stages = [{"generate": {"count": 1, "sampling": stage}}]
    writer = {"writer": {"provider": "fake", "sampling": model}}
    recipe = desk(tmp_path, stages, [], sources={"seeds": "seeds.jsonl"}, models=writer)
    assert run(recipe).error is None
    assert rows(recipe)[0]["lineage"]["sampling"] == expected


def test_the_values_for_lists_of_requests_are_not_used_for_answers(tmp_path: Path) -> None:
    seeds(tmp_path)
    stages = [{"generate": {"answers": False, "count": 1}}, {"respond": {}}]
    recipe = desk(tmp_path, stages, [], sources={"seeds": "seeds.jsonl"})
    assert run(recipe).error is None
    drafts, answers = requests(recipe)
    assert drafts["sampling"] == SELF_INSTRUCT_SAMPLING.set_values()
    assert "sampling" not in answers


@pytest.mark.parametrize(
    ("models", "temperature"),
    [
        ({"writer": {"temperature": 0.9}}, 0.0),
        ({"writer": {"temperature": 0.9}, "judge": {}}, 0.0),
        ({"writer": {"temperature": 0.9}, "judge": {"temperature": 0.6}}, 0.6),
    ],
)
def test_the_sampling_of_a_writer_is_for_drafts(
    tmp_path: Path, models: dict[str, Any], temperature: float
) -> None:
    seeds(tmp_path, 1)
    named = {name: {"provider": "fake", "sampling": sampling} for name, sampling in models.items()}
    recipe = desk(tmp_path, ["score"], [], sources={"seeds": "seeds.jsonl"}, models=named)
    assert run(recipe).error is None
    assert {request["sampling"]["temperature"] for request in requests(recipe)} == {temperature}
