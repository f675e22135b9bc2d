"""`respond` on the scripted model: candidates, turns of a simulated user, and regenerated answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from desks import desk, reasons, requests, rows, run, said, seeds

import synth
from synth.errors import RecipeError
from synth.llm.base import Json

PROMPTS = {"prompts": "prompts.jsonl"}
FOLLOW = "You play a person who writes"
GOAL = "Decide what this person wants"


def prompts(folder: Path, count: int = 4) -> None:
    lines = [json.dumps({"instruction": f"How do I oil machine {i}?"}) for i in range(count)]
    (folder / "prompts.jsonl").write_text("\n".join(lines))


def test_candidates_come_from_models_temperatures_and_systems_in_turn(tmp_path: Path) -> None:
    prompts(tmp_path, 2)
    options = {"n": 4, "models": ["writer", "judge"], "temperatures": [0.2, 1.0]}
    options["systems"] = ["Be brief.", "Be kind."]
    recipe = desk(tmp_path, [{"respond": options}], [], [], sources=PROMPTS)
    assert run(recipe).error is None
    for row in rows(recipe, status="kept"):
        assert [c["model"] for c in row["candidates"]] == ["fake", "judge"] * 2
        assert [c["system"] for c in row["candidates"]] == ["Be brief.", "Be kind."] * 2
        assert [c["sampling"]["temperature"] for c in row["candidates"]] == [0.2, 1.0] * 2
        assert len({c["content"] for c in row["candidates"]}) == 4
        assert said(row)[-1] == row["candidates"][0]["content"]
        assert len(row["messages"]) == 2
    assert len(requests(recipe)) == 8


def test_equal_candidates_are_one_and_bad_ones_are_noted(tmp_path: Path) -> None:
    prompts(tmp_path, 1)
    script = [{"match": "oil machine", "replies": ["Use oil.", "", "Use oil.", "Grease it."]}]
    recipe = desk(tmp_path, [{"respond": {"n": 4, "attempts": 1}}], script, sources=PROMPTS)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert [c["content"] for c in row["candidates"]] == ["Use oil.", "Grease it."]
    assert [event["did"] for event in row["history"]] == [["no_candidate"]]


def test_a_row_without_any_answer_is_dropped(tmp_path: Path) -> None:
    prompts(tmp_path, 1)
    script = [{"match": "oil machine", "error": "too long"}]
    run(recipe := desk(tmp_path, [{"respond": {"n": 2}}], script, sources=PROMPTS))
    assert reasons(recipe) == {"no_candidate": 1}


def test_seeds_keep_their_answer_beside_the_candidates(tmp_path: Path) -> None:
    seeds(tmp_path, 3)
    recipe = desk(
        tmp_path, [{"respond": {"n": 2}}], [], sources={"seeds": "seeds.jsonl"}, holdout={"rows": 1}
    )
    run(recipe)
    for row in synth.open(recipe):
        if row["lineage"]["origin"] == "holdout":
            assert row["candidates"] == []
        else:
            assert [c.get("source") for c in row["candidates"]] == ["answer", None, None]
            assert said(row)[-1].startswith("Wipe")


def scores(**by_word: int) -> list[Json]:
    rules = [{"match": f"<answer>\n{word}", "text": {"score": n}} for word, n in by_word.items()]
    return [*rules, {"match": "<answer>", "text": {"score": 1}}]


def test_the_best_candidate_answers_and_all_have_scores(tmp_path: Path) -> None:
    prompts(tmp_path, 1)
    script = [{"match": "oil machine", "replies": ["Use oil.", "Grease it.", "No."]}]
    stages = [{"respond": {"n": 3}}, {"score": {"rubric": "quality", "keep": ">= 4"}}]
    recipe = desk(tmp_path, stages, script, scores(Use=3, Grease=5, No=1), sources=PROMPTS)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert said(row)[-1] == "Grease it."
    assert [c["score"] for c in row["candidates"]] == [3, 5, 1]
    assert row["scores"] == {"quality": 5}
    exported = synth.export(recipe, format="trl-dpo").folder
    texts = [(exported / name).read_text() for name in ("train.jsonl", "test.jsonl")]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    assert [(line["chosen"][0]["content"], line["rejected"][0]["content"]) for line in lines] == [
        ("Grease it.", "No.")
    ]


WANT = "You want a quiet machine. You have not said that it is outdoors."


def user(*rules: Json) -> list[Json]:
    return [*rules, {"match": GOAL, "text": WANT}]


def test_a_simulated_user_goes_on(tmp_path: Path) -> None:
    prompts(tmp_path, 2)
    script = user(
        {"match": f"{FOLLOW}.*And how often", "text": "User: And with which brush?\nAssistant: A soft one."},
        {"match": FOLLOW, "text": "And how often?"},
    )
    recipe = desk(tmp_path, [{"respond": {"turns": 3}}], script, sources=PROMPTS)
    run(recipe)
    for row in rows(recipe, status="kept"):
        assert [m["role"] for m in row["messages"]] == ["user", "assistant"] * 3
        assert said(row)[2] == "And how often?"
        assert said(row)[4] == "And with which brush?"
        assert [event["did"] for event in row["history"]] == [["goal"], ["followed_up"], ["followed_up"]]
        assert row["history"][0]["goal"] == WANT


def test_a_simulated_user_sees_its_goal_and_never_the_system_prompt(tmp_path: Path) -> None:
    prompts(tmp_path, 1)
    script = user({"match": FOLLOW, "text": "And how often?"})
    options = {"turns": 2, "system": "You are the oil desk."}
    run(recipe := desk(tmp_path, [{"respond": options}], script, sources=PROMPTS))
    answered, goal, followed, last = (request["messages"] for request in requests(recipe))
    assert answered[0] == last[0] == {"role": "system", "content": "You are the oil desk."}
    assert goal[-1]["content"] == "How do I oil machine 0?"
    assert f"Your goal: {WANT}" in followed[0]["content"]
    assert followed[1]["content"].startswith("User: How do I oil machine 0?\n\nAssistant: ")
    assert "oil desk" not in json.dumps([goal, followed])


def test_a_simulated_user_ends_the_conversation(tmp_path: Path) -> None:
    prompts(tmp_path, 2)
    script = user(
        {"match": f"{FOLLOW}.*And how often", "text": "Thanks, that is all! [done]"},
        {"match": f"{FOLLOW}.*machine 1", "text": "[Done]."},
        {"match": FOLLOW, "text": "And how often?"},
    )
    run(recipe := desk(tmp_path, [{"respond": {"turns": 5}}], script, sources=PROMPTS))
    long, short = rows(recipe, status="kept")
    assert [m["role"] for m in long["messages"]] == ["user", "assistant"] * 2
    assert [m["role"] for m in short["messages"]] == ["user", "assistant"]
    assert [event["did"] for event in short["history"]] == [["goal"], ["done"]]
    assert len(requests(recipe)) == 2 * 2 + (3 + 1)


def test_a_simulated_user_writes_as_the_seeds_do(tmp_path: Path) -> None:
    prompts(tmp_path, 3)
    seeds(tmp_path, 6)
    sources = {**PROMPTS, "seeds": "seeds.jsonl"}
    script = user({"match": FOLLOW, "text": "And how often?"})
    recipe = desk(tmp_path, [{"respond": {"turns": 3}}], script, sources=sources, holdout={"rows": 2})
    run(recipe)
    held = {row["id"] for row in synth.open(recipe) if row["lineage"]["origin"] == "holdout"}
    texts = {row["id"]: said(row)[0] for row in synth.open(recipe) if row["lineage"]["origin"] == "seed"}
    assert len(held) == 2
    shown = [r["messages"][0]["content"] for r in requests(recipe) if FOLLOW in r["messages"][0]["content"]]
    drawn = [{key for key, text in texts.items() if text in prompt} for prompt in shown]
    assert all(len(ids) == 2 for ids in drawn)
    assert len({frozenset(ids) for ids in drawn}) > 1
    drafts = [row for row in synth.open(recipe) if row["lineage"]["origin"] == "prompt"]
    for row in drafts:
        # A prompt that showed them does not decide the split; the same two are in each turn of a row.
        assert set(row["lineage"]["shots"]) in drawn
        assert not held & set(row["lineage"]["shots"])


OWN = """---
name: mine
version: 1
inputs: [conversation]
source: Mine.
---
Go on: {{ conversation }}
"""


def test_a_prompt_of_your_own_needs_no_goal(tmp_path: Path) -> None:
    prompts(tmp_path, 1)
    (tmp_path / "mine.md").write_text(OWN)
    options = {"turns": 2, "prompt": "mine.md"}
    recipe = desk(
        tmp_path, [{"respond": options}], [{"match": "Go on", "text": "And how often?"}], sources=PROMPTS
    )
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert [event["did"] for event in row["history"]] == [["followed_up"]]
    assert len(requests(recipe)) == 3


@pytest.mark.parametrize("sample", [False, True])
def test_a_user_that_repeats_a_message_ends_the_row(tmp_path: Path, sample: bool) -> None:
    prompts(tmp_path, 1)
    seeds(tmp_path, 1)
    text = "how do I clean machine 0 before the 12 o'clock shift" if sample else "how do I oil machine 0"
    script = user({"match": FOLLOW, "text": text})
    sources = {**PROMPTS, "seeds": "seeds.jsonl"}
    run(recipe := desk(tmp_path, [{"respond": {"turns": 2}}], script, sources=sources))
    assert reasons(recipe) == {"same_question": 1}


def test_every_turn_of_a_conversation_is_answered_anew(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "Oil?"},
        {"role": "assistant", "content": "old one"},
        {"role": "user", "content": "Which?"},
        {"role": "assistant", "content": "old two"},
    ]
    (tmp_path / "prompts.jsonl").write_text(json.dumps({"messages": turns}))
    script = [{"match": "Oil\\?\nnew one\nWhich", "text": "new two"}, {"match": "Oil", "text": "new one"}]
    recipe = desk(tmp_path, [{"respond": {"regenerate": True}}], script, sources=PROMPTS)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert said(row) == ["Oil?", "new one", "Which?", "new two"]
    assert row["history"][0]["before"] == ["old one", "old two"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"models": ["writer"]}, "n > 1"),
        ({"n": 2, "turns": 2}, "three things"),
        ({"n": 2, "models": ["wrter"]}, "Did you mean 'writer'"),
        ({"user": "nobody"}, "no model 'nobody'"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, options: Json, words: str) -> None:
    prompts(tmp_path)
    with pytest.raises(RecipeError, match=words):
        run(desk(tmp_path, [{"respond": options}], [], sources=PROMPTS))
