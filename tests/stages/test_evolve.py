"""`evolve` on the scripted model: operations in equal parts, and the paper's four rules of elimination."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from desks import desk, reasons, requests, rows, run, said, seeds

from synth.llm.base import Json
from synth.stages.evolve.options import EVOL_BREADTH, EVOL_DEPTH, EVOL_SORRY_WORDS, EvolveOptions

PROMPTS = Path(__file__).resolve().parents[2] / "prompts"
SEEDS = {"seeds": "seeds.jsonl"}
HARDER = "How do I clean every machine before the shift, in which order, and what if one is hot?"


def script(request: str = HARDER, answer: str = "Start with the coldest machine.") -> list[Json]:
    return [
        {"match": "Make this request harder|from the same field", "text": request},
        {"match": ".", "text": answer},
    ]


def judge(equal: bool = False) -> list[Json]:
    return [{"match": "You compare two requests", "text": {"equal": equal}}]


def test_operations_come_equally_often(tmp_path: Path) -> None:
    seeds(tmp_path, 6)
    recipe = desk(tmp_path, [{"evolve": {"variants": 5}}], script(), judge(), sources=SEEDS)
    assert run(recipe).error is None
    kept = rows(recipe, status="kept")
    operations = Counter(row["history"][0]["operation"] for row in kept)
    assert operations == dict.fromkeys(EvolveOptions().operations, 6)
    assert all(said(row) == [HARDER, "Start with the coldest machine."] for row in kept)
    prompts = Counter(row["lineage"]["prompt"] for row in kept)
    assert prompts == {"evolve/depth@2": 24, "evolve/breadth@2": 6}


@pytest.mark.parametrize(
    ("request_", "answer", "equal", "reason"),
    [
        (HARDER, "Well.", True, "no_gain"),
        ("how do I clean machine 0 before the 12 o'clock shift", "Well.", False, "no_gain"),
        (HARDER, "I am sorry, but I cannot help with machines.", False, "sorry"),
        (HARDER, "It is what it is.", False, "says_nothing"),
        (HARDER, "...", False, "says_nothing"),
        ("The rewritten prompt: how do I clean it twice?", "Twice.", False, "leaked"),
    ],
)
def test_what_is_eliminated(tmp_path: Path, request_: str, answer: str, equal: bool, reason: str) -> None:
    seeds(tmp_path, 1)
    recipe = desk(tmp_path, [{"evolve": {}}], script(request_, answer), judge(equal), sources=SEEDS)
    run(recipe)
    assert reasons(recipe) == {reason: 1}


def test_a_long_answer_may_say_sorry(tmp_path: Path) -> None:
    seeds(tmp_path, 1)
    answer = "Say sorry to the night shift first. " + "Then clean it well. " * 25
    assert len(answer.split()) >= EVOL_SORRY_WORDS
    run(recipe := desk(tmp_path, [{"evolve": {}}], script(answer=answer), judge(), sources=SEEDS))
    assert len(rows(recipe, status="kept")) == 1


def test_a_second_stage_evolves_what_the_first_one_made(tmp_path: Path) -> None:
    seeds(tmp_path, 3)
    stages = [{"evolve": {}}, {"evolve": {"as": "again", "from": ["evolve"]}}]
    recipe = desk(tmp_path, stages, script(), judge(), sources=SEEDS)
    run(recipe)
    every = rows(recipe)
    first = {row["id"] for row in every if row["lineage"]["stage"] == "evolve"}
    again = [row for row in every if row["lineage"]["stage"] == "again"]
    assert {row["lineage"]["parents"][0] for row in again} == first
    assert len(requests(recipe)) < 3 * 3 * 2 + 1


def test_the_papers_constants() -> None:
    assert EvolveOptions().operations == ("constraints", "deepening", "concretizing", "reasoning", "breadth")
    assert EVOL_SORRY_WORDS == 80
    assert EVOL_BREADTH == "breadth"
    assert tuple(EVOL_DEPTH) == EvolveOptions().operations[:4]
    assert "add 10 to 20 words" in (PROMPTS / "evolve" / "depth.md").read_text()
