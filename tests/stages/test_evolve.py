"""`evolve` on the scripted model: operations in equal parts, and the paper's four rules of elimination."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from desks import desk, documents, reasons, requests, rows, run, said, seeds

from synth.errors import PromptError
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


HOUSE = {"instruction": "Why is my bill wrong?", "response": "Sorry about that! Your bill is right now."}


@pytest.mark.parametrize(
    "apology",
    [
        "Es tut mir leid, dabei kann ich nicht helfen.",
        "Désolé, je ne peux pas répondre.",
        "Lo siento, no puedo ayudar con eso.",
        "申し訳ありませんが、お答えできません。",
        "抱歉，我无法回答这个问题。",
        "죄송하지만 도와드릴 수 없습니다.",
        "माफ़ कीजिए, मैं मदद नहीं कर सकता।",
        "عذرًا، آسف، لا يمكنني المساعدة.",
        "I am sorry, but I cannot help with machines.",
    ],
)
@pytest.mark.parametrize("house", [False, True])
def test_an_apology_is_eliminated_unless_it_is_the_style_of_the_seeds(
    tmp_path: Path, apology: str, house: bool
) -> None:
    seeds(tmp_path, 1)
    if house:
        with (tmp_path / "seeds.jsonl").open("a") as file:
            file.write(json.dumps(HOUSE))
    run(recipe := desk(tmp_path, [{"evolve": {}}], script(answer=apology), judge(), sources=SEEDS))
    assert reasons(recipe) == ({} if house else {"sorry": 1})


@pytest.mark.parametrize(("other_way_round", "reason"), [(False, None), (True, "no_gain")])
def test_requests_are_equal_only_if_they_are_so_in_both_orders(
    tmp_path: Path, other_way_round: bool, reason: str | None
) -> None:
    seeds(tmp_path, 1)
    rules = [
        {"match": "First request:\nHow do I clean machine 0", "text": {"equal": True}},
        *judge(other_way_round),
    ]
    run(recipe := desk(tmp_path, [{"evolve": {}}], script(), rules, sources=SEEDS))
    assert reasons(recipe) == ({reason: 1} if reason else {})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("Yes.", None), ("No.", None), ("Das ist es.", "says_nothing"), ("。。。", "says_nothing")],
)
def test_a_short_answer_may_say_something(tmp_path: Path, answer: str, reason: str | None) -> None:
    seeds(tmp_path, 1)
    run(recipe := desk(tmp_path, [{"evolve": {}}], script(answer=answer), judge(), sources=SEEDS))
    assert reasons(recipe) == ({reason: 1} if reason else {})


def test_requests_alone_are_answered_by_a_later_stage(tmp_path: Path) -> None:
    seeds(tmp_path, 2)
    stages = [{"evolve": {"answers": False}}, {"respond": {}}]
    recipe = desk(tmp_path, stages, script(), judge(), sources=SEEDS)
    run(recipe)
    kept = rows(recipe, status="kept")
    assert [said(row) for row in kept] == [[HARDER, "Start with the coldest machine."]] * 2
    assert [event["did"] for event in kept[0]["history"]][:2] == [["evolved"], ["judged"]]
    # A probe, then an evolution and a judgement for each row; one answer, because both requests are equal.
    assert len(requests(recipe)) == 1 + 2 + 2 + 1


def facts(folder: Path) -> Json:
    (folder / "facts.md").write_text("The kiln runs at 120 degrees. Clean it with a dry cloth, once a week.")
    return {"facts": "facts.md"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("It runs at 120 degrees, so let it cool down first.", None),
        ("It runs at 450 degrees, so let it cool down first.", "unsupported"),
        ("[unknown]", "unknown"),
        ("[UNKNOWN].", "unknown"),
    ],
)
def test_an_answer_states_only_what_the_evidence_holds(
    tmp_path: Path, answer: str, reason: str | None
) -> None:
    seeds(tmp_path, 1)
    rules = [{"match": "Reply with the answer only", "text": answer}, *script()]
    recipe = desk(tmp_path, [{"evolve": facts(tmp_path)}], rules, judge(), sources=SEEDS)
    run(recipe)
    assert reasons(recipe) == ({reason: 1} if reason else {})
    (row,) = rows(recipe)
    assert "120 degrees" in row["history"][0]["source"]
    if reason == "unsupported":
        assert "450" in row["detail"]
    evolving = [r for r in requests(recipe) if "Make this request harder" in said(r)[-1]]
    assert all("120 degrees" in said(request)[0] for request in evolving)


def test_documents_are_shown_to_the_writer(tmp_path: Path) -> None:
    seeds(tmp_path, 2)
    documents(tmp_path, 6)
    rules = [{"match": "Reply with the answer only", "text": "With a cloth."}, *script()]
    options = {"context": "documents", "operations": ["breadth"]}
    sources = {**SEEDS, "documents": "docs/*.md"}
    recipe = desk(tmp_path, [{"evolve": options}], rules, judge(), sources=sources)
    run(recipe)
    for row in rows(recipe, status="kept"):
        assert len(row["lineage"]["shots"]) == 3
    asked = [said(request)[0] for request in requests(recipe) if "from the same field" in said(request)[-1]]
    assert [text.count("<text>") for text in asked] == [3, 3]


def test_a_prompt_that_ignores_the_evidence_is_refused(tmp_path: Path) -> None:
    seeds(tmp_path, 1)
    (tmp_path / "mine.md").write_text(
        "---\nname: mine\nversion: 1\ninputs: [request]\nsource: ours\n---\nHarder: {{ request }}\n"
    )
    recipe = desk(tmp_path, [{"evolve": {"prompt": "mine.md", **facts(tmp_path)}}], [], sources=SEEDS)
    with pytest.raises(PromptError, match="passages"):
        run(recipe)


def test_the_new_request_respects_the_system_prompt(tmp_path: Path) -> None:
    row = {"system": "Answer only about looms.", "instruction": "How do I clean it?", "response": "Wipe it."}
    (tmp_path / "seeds.jsonl").write_text(json.dumps(row))
    recipe = desk(tmp_path, [{"evolve": {"variants": 5}}], script(), judge(), sources=SEEDS)
    run(recipe)
    assert all(row["messages"][0]["content"] == "Answer only about looms." for row in rows(recipe))
    evolving = [said(r) for r in requests(recipe) if "Write the new request only" in said(r)[-1]]
    assert len(evolving) == 5
    assert all("<instructions>\nAnswer only about looms.\n</instructions>" in texts[0] for texts in evolving)


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
