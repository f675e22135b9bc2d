"""`paraphrase` on the scripted model: styles in turn, what must be kept, the judge, diversity, targets."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from desks import desk, reasons, requests, rows, run, said, seeds

import synth
from synth.errors import RecipeError, Unfinished
from synth.llm.base import Json
from synth.stages.paraphrase.request_parts import parts_of

SEEDS = {"seeds": "seeds.jsonl"}
SAME = {"match": "Is everything that the first request asks for", "text": {"covered": True}}


def wordings(count: int = 6) -> list[Json]:
    """Four different, faithful wordings for each seed."""
    texts = (
        "What is the way to clean machine {i} before the 12 o'clock shift?",
        "Before the 12 o'clock shift, how is machine {i} cleaned?",
        "Cleaning machine {i} ahead of the 12 o'clock shift: how do I do it?",
        "Tell me how to clean machine {i} before the shift at 12 o'clock.",
    )
    return [
        {"match": f"Request:\nHow do I clean machine {i} ", "replies": [t.format(i=i) for t in texts]}
        for i in range(count)
    ]


def test_the_answer_stays_and_the_styles_take_turns(tmp_path: Path) -> None:
    seeds(tmp_path)
    recipe = desk(tmp_path, [{"paraphrase": {"variants": 4}}], wordings(), [SAME], sources=SEEDS)
    assert run(recipe).error is None
    parents = {row["id"]: row for row in synth.open(recipe).rows() if not row["lineage"]["stage"]}
    kept = rows(recipe, status="kept")
    assert len(kept) == 24
    for row in kept:
        (parent,) = row["lineage"]["parents"]
        assert said(row)[-1] == said(parents[parent])[-1]
        assert said(row)[0] != said(parents[parent])[0]
        assert row["lineage"]["origin"] == "seed"
    by_style = Counter(row["history"][0]["style"] for row in kept)
    assert sum(by_style.values()) == 24
    assert set(by_style) == {"formal", "casual", "short", "order", "long"}
    per_row = Counter((row["lineage"]["parents"][0], row["history"][0]["style"]) for row in kept)
    assert set(per_row.values()) == {1}


REQUEST = "Request:\nHow do I clean machine 0 before the 12 o'clock shift?"


@pytest.mark.parametrize(
    ("wording", "same", "reason"),
    [
        ("How can machine 0 be cleaned before the 11 o'clock shift?", True, "number"),
        ("How do I not clean machine 0 before the 12 o'clock shift?", True, "negation"),
        ("how do I clean machine 0 before the 12 o'clock shift", True, "copy"),
        ("How do I clean machine 0 at the 12 o'clock shift?", False, "another_request"),
        ("How can machine 0 be cleaned after the 12 o'clock shift?", True, "opposite"),
    ],
)
def test_what_is_dropped_and_why(tmp_path: Path, wording: str, same: bool, reason: str) -> None:
    seeds(tmp_path, 1)
    script = [{"match": "Reword it", "text": wording}]
    judge = [{**SAME, "text": {"covered": same}}]
    recipe = desk(
        tmp_path,
        [{"paraphrase": {"variants": 1, "similarity": [0.4, 0.999]}}],
        script,
        judge,
        sources=SEEDS,
    )
    run(recipe)
    assert reasons(recipe) == {reason: 1}


@pytest.mark.parametrize(("band", "reason"), [([0.99, 1.0], "too_far"), ([0.0, 0.3], "too_near")])
def test_the_band_of_similarity(tmp_path: Path, band: list[float], reason: str) -> None:
    seeds(tmp_path, 1)
    stage = {"paraphrase": {"variants": 1, "similarity": band}}
    run(recipe := desk(tmp_path, [stage], wordings(), [SAME], sources=SEEDS))
    assert reasons(recipe) == {reason: 1}


CHAT = "Customer: I've been charged twice.\n\nAgent: I'm sorry, let me check order 17."
ASKED = "Write a two-sentence note from this chat for the team"
REWORDED = "From this chat, draft a note of two sentences for the team"


@pytest.mark.parametrize("reply", [REWORDED, f"{REWORDED}\n\n{CHAT}"])
def test_the_input_of_a_task_is_never_reworded(tmp_path: Path, reply: str) -> None:
    seed = {"instruction": ASKED, "input": CHAT, "response": "A customer was charged twice."}
    (tmp_path / "seeds.jsonl").write_text(json.dumps(seed) + "\n")
    script = [{"match": "Reword it", "text": reply}]
    recipe = desk(tmp_path, [{"paraphrase": {"variants": 1}}], script, [SAME], sources=SEEDS)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert said(row)[0] == f"{REWORDED}\n\n{CHAT}"
    asked = next(r for r in map(json.dumps, requests(recipe)) if "Reword it" in r)
    assert f"Request:\\n{ASKED}\\n\\nReword it" in asked
    assert "do not repeat it:\\nCustomer" in asked
    for request in map(json.dumps, requests(recipe)):
        assert "Is everything that the first" not in request or "Customer" not in request


def test_a_wording_of_the_instruction_is_compared_without_the_input(tmp_path: Path) -> None:
    text = "The quarterly report says that sales rose in every region except the north. " * 20
    seed = {"instruction": "List the regions in this report.", "input": text, "response": "North."}
    (tmp_path / "seeds.jsonl").write_text(json.dumps(seed) + "\n")
    script = [{"match": "Reword it", "text": "How do I bake bread without yeast and sugar?"}]
    recipe = desk(tmp_path, [{"paraphrase": {"variants": 1}}], script, [SAME], sources=SEEDS)
    run(recipe)
    assert sum(reasons(recipe).values()) == 1  # the long input would have made the texts alike


@pytest.mark.parametrize(
    ("request_", "instruction"),
    [
        ("How do I reset it?", "How do I reset it?"),
        ("Summarise this text.\n\nIt rained.\n\nIt snowed.", "Summarise this text."),
        ("Hi team,\n\nhow do I reset the router?\n\nModel: X1", "how do I reset the router?"),
        ("It rained in Leeds and it snowed in York.\n\nWhere did it rain?", "Where did it rain?"),
        ("Translate this:\n\nWhere are you?", "Translate this:"),
        ("  Classify it.\n \n```\na\n\nb\n```\n", "Classify it."),
        ("Hello", "Hello"),
        ("Good morning!\n\nClassify it.\n\nA B C", "Classify it."),
    ],
)
def test_the_paragraph_that_asks(request_: str, instruction: str) -> None:
    parts = parts_of(request_)
    assert parts.instruction == instruction
    assert parts.reworded(instruction) == request_
    changed = parts.reworded("Something else")
    assert changed == request_.replace(instruction, "Something else")
    assert parts.instruction_in(changed) == "Something else"


def test_the_model_that_plays_a_user_sees_no_system_prompt(tmp_path: Path) -> None:
    turns = [("system", "You are a secret bot."), ("user", "My lamp broke."), ("assistant", "Which one?")]
    turns += [("user", "How do I clean machine 0 before the 12 o'clock shift?"), ("assistant", "Wipe it.")]
    seed = {"messages": [{"role": role, "content": text} for role, text in turns]}
    (tmp_path / "seeds.jsonl").write_text(json.dumps(seed) + "\n")
    recipe = desk(tmp_path, [{"paraphrase": {"variants": 1}}], wordings(1), [SAME], sources=SEEDS)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert said(row)[0] == "You are a secret bot."
    asked = [json.dumps(request) for request in requests(recipe)]
    assert any("User: My lamp broke." in request for request in asked)
    assert not any("secret bot" in request for request in asked)


@pytest.mark.parametrize("covered", [[True, True], [False, True], [True, False]])
def test_the_judge_is_asked_in_both_directions(tmp_path: Path, covered: list[bool]) -> None:
    seeds(tmp_path, 1)
    judge = [
        {"match": "First request:\nHow do I clean", "text": {"covered": covered[0]}},
        {"match": "Second request:\nHow do I clean", "text": {"covered": covered[1]}},
        SAME,  # the probe
    ]
    recipe = desk(tmp_path, [{"paraphrase": {"variants": 1}}], wordings(1), judge, sources=SEEDS)
    run(recipe)
    assert reasons(recipe) == ({} if all(covered) else {"another_request": 1})
    judged = [r for r in map(json.dumps, requests(recipe)) if "Is everything" in r]
    # The probe and the first question, and the second one only after a yes.
    assert len(judged) == (3 if covered[0] else 2)


@pytest.mark.parametrize(("style", "kept"), [("order", 1), ("casual", 0)])
def test_the_order_of_words_may_change_alone_in_its_style(tmp_path: Path, style: str, kept: int) -> None:
    seed = {"instruction": "Do you sell apples and ripe pears in Leeds?", "response": "Both."}
    (tmp_path / "seeds.jsonl").write_text(json.dumps(seed) + "\n")
    script = [{"match": "Reword it", "text": "In Leeds, do you sell ripe pears and apples?"}]
    recipe = desk(
        tmp_path, [{"paraphrase": {"variants": 1, "styles": [style]}}], script, [SAME], sources=SEEDS
    )
    run(recipe)
    assert len(rows(recipe, status="kept")) == kept
    assert reasons(recipe) == ({} if kept else {"too_near": 1})


def test_the_second_of_two_equal_wordings_goes(tmp_path: Path) -> None:
    seeds(tmp_path, 1)
    script = [
        {"match": "Reword it", "text": "What is the way to clean machine 0 before the 12 o'clock shift?"}
    ]
    recipe = desk(tmp_path, [{"paraphrase": {"variants": 3}}], script, [SAME], sources=SEEDS)
    run(recipe)
    assert reasons(recipe) == {"copy": 2}
    assert len(rows(recipe, status="kept")) == 1


def test_another_language_is_left_to_the_judge(tmp_path: Path) -> None:
    seeds(tmp_path, 1)
    script = [{"match": "Reword it in German", "text": "Wie reinige ich Maschine 0 vor der 12-Uhr-Schicht?"}]
    options = {"variants": 1, "styles": [], "languages": ["German"]}
    recipe = desk(tmp_path, [{"paraphrase": options}], script, [SAME], sources=SEEDS)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert row["history"][0]["style"] == "German"


def test_it_draws_on_rows_kept_before_it_and_never_on_the_holdout(tmp_path: Path) -> None:
    seeds(tmp_path, 6)
    stages = [{"generate": {"count": 5}}, {"paraphrase": {"variants": 1, "similarity": [0, 1]}}]
    recipe = desk(tmp_path, stages, wordings(), [SAME], sources=SEEDS, holdout={"rows": 2})
    run(recipe)
    everything = list(synth.open(recipe).rows())
    held = [row for row in everything if row["lineage"]["origin"] == "holdout"]
    made = {
        row["id"] for row in everything if row["lineage"]["stage"] == "generate" and row["status"] == "kept"
    }
    parents = {row["lineage"]["parents"][0] for row in everything if row["lineage"]["stage"] == "paraphrase"}
    seeded = {row["id"] for row in everything if not row["lineage"]["stage"]} - {row["id"] for row in held}
    assert parents == made | seeded
    for request in requests(recipe):
        assert not any(said(row)[0] in json.dumps(request) for row in held)


def test_from_names_what_it_draws_on(tmp_path: Path) -> None:
    seeds(tmp_path, 3)
    stages = [{"generate": {"count": 3}}, {"paraphrase": {"variants": 1, "from": ["seeds"]}}]
    recipe = desk(tmp_path, stages, wordings(), [SAME], sources=SEEDS)
    run(recipe)
    assert len([r for r in rows(recipe) if r["lineage"]["stage"] == "paraphrase"]) == 3
    with pytest.raises(RecipeError, match="Did you mean 'generate'"):
        run(recipe, "stages.paraphrase.from=[generated]")


def test_more_variants_ask_for_nothing_old_again(tmp_path: Path) -> None:
    seeds(tmp_path)
    recipe = desk(tmp_path, [{"paraphrase": {"variants": 2}}], wordings(), [SAME], sources=SEEDS)
    run(recipe)
    before = len(requests(recipe))
    result = run(recipe, "stages.paraphrase.variants=3")
    assert result.summary["accepted"] == 18
    # A wording and two questions to the judge for each of six rows.
    assert result.summary["requests"] == len(requests(recipe)) - before == 18


def test_a_target_goes_over_the_rows_again_and_ends_exactly(tmp_path: Path) -> None:
    seeds(tmp_path)
    recipe = desk(tmp_path, [{"paraphrase": {"variants": 1}}], wordings(), [SAME], sources=SEEDS, target=15)
    result = run(recipe)
    assert result.error is None
    assert result.summary["accepted"] == 15
    per_parent = Counter(row["lineage"]["parents"][0] for row in rows(recipe, status="kept"))
    assert set(per_parent.values()) == {2, 3}


def test_a_target_out_of_reach_ends_with_the_reason(tmp_path: Path) -> None:
    seeds(tmp_path, 1)
    recipe = desk(tmp_path, [{"paraphrase": {}}], wordings(), [SAME], sources=SEEDS, target=15)
    result = run(recipe)
    assert isinstance(result.error, Unfinished)
    assert "copy" in result.error.message


def test_the_summary_tells_the_diversity(tmp_path: Path) -> None:
    seeds(tmp_path)
    recipe = desk(tmp_path, [{"paraphrase": {"variants": 3}}], wordings(), [SAME], sources=SEEDS)
    diversity = run(recipe).summary["stages"]["paraphrase"]["diversity"]
    assert diversity["before"]["requests"] == 6
    assert diversity["after"]["requests"] == 24
    assert 0 < diversity["after"]["distinct_2"] < 1
    assert -1 <= diversity["after"]["nearest_similarity"] <= 1
    assert run(recipe).summary["stages"]["paraphrase"]["diversity"] == diversity
