"""`respond` from documents on the scripted model: what it finds, checks, and writes into a row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from desks import PARTS, desk, documents, reasons, requests, rows, run, said

import synth
from synth.errors import RecipeError
from synth.llm.base import Json
from synth.row import content_id
from synth.stages.respond.options import GroundedOptions
from synth.stages.shared_options import NOT_IN_CONTEXT

SOURCES = {"prompts": "prompts.jsonl", "documents": "docs/*.md"}
ASKED = "How hot is the machine {n} in step 3?"


def prompts(folder: Path, *numbers: int, **more: object) -> None:
    lines = [{"instruction": ASKED.format(n=n), **more} for n in numbers]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def quote(n: int) -> str:
    return f"{PARTS[n % 8]} number {n} runs at {103 + 10 * n} degrees in step 3."


def support(n: int) -> Json:
    return {"supported": True, "quote": quote(n), "answer": f"It runs at {103 + 10 * n} degrees."}


NOTHING: Json = {"supported": False, "quote": "", "answer": ""}


def script(*numbers: int, **replies: list[Json]) -> list[Json]:
    rules = [{"match": f"Question: How hot is the machine {n} in", "text": support(n)} for n in numbers]
    return [*rules, {"match": "Question: ", "text": NOTHING}]


def grounded(**options: object) -> list[Json]:
    return [{"respond": {"grounded": {"min_chars": 300, "max_chars": 2000, **options}}}]


def test_the_answer_names_the_passage_that_its_quote_is_in(tmp_path: Path) -> None:
    documents(tmp_path, 12)
    prompts(tmp_path, *range(8))
    recipe = desk(tmp_path, grounded(passages=9), script(*range(8)), sources=SOURCES)
    assert run(recipe).error is None
    kept = rows(recipe, status="kept")
    assert len(kept) == 8
    places = set()
    for n, row in enumerate(kept):
        system, asked, answered = said(row)
        assert "from the passages alone" in system
        shown = asked.split("\n\n[")
        place = next(i for i, passage in enumerate(shown, 1) if quote(n) in passage)
        places.add(place)
        assert answered == f"It runs at {103 + 10 * n} degrees. [{place}]"
        assert len(shown) == 12
        assert asked.endswith(f"Question: {ASKED.format(n=n)}")
        event = row["history"][0]
        assert event["did"] == ["grounded"]
        assert event["quote"] in event["source"]
        assert row["lineage"]["source"]["file"] == f"docs/{n}.md"
        # Rows from one passage stand on one side of a split; what only distracts binds nothing.
        assert row["lineage"]["parents"] == [content_id("passage", event["source"])]
        assert len(row["lineage"]["shots"]) == 11
        assert row["lineage"]["prompt"] == "respond/grounded@1"
        assert row["labels"] == {"answerable": True}
    assert len(places) > 2


def test_the_nearest_passages_are_found(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    texts = {
        "refunds": "We pay the money back within 30 days of a purchase. " * 8,
        "dogs": "A dog may come along if it stays on a lead all the time. " * 8,
        "kiln": "The kiln fires clay and porcelain once a week, on Fridays. " * 8,
        "noise": "After ten in the evening every loud saw has to rest. " * 8,
    }
    for name, text in texts.items():
        (tmp_path / "docs" / f"{name}.md").write_text(text)
    asked = {
        "Can I get my money back after a purchase?": "We pay",
        "May I bring my dog?": "A dog",
        "When is porcelain fired?": "The kiln",
    }
    lines = [json.dumps({"instruction": question}) for question in asked]
    (tmp_path / "prompts.jsonl").write_text("\n".join(lines))
    recipe = desk(tmp_path, grounded(passages=1, distractors=0), script(), sources=SOURCES)
    run(recipe)
    shown = [r["messages"][-1]["content"] for r in requests(recipe)]
    assert len(shown) == 3
    for question, opening in asked.items():
        (own,) = [text for text in shown if text.endswith(question)]
        assert own.startswith(f"Passage 1:\n{opening}")


def test_a_quote_that_is_in_no_passage_is_asked_for_again_and_then_dropped(tmp_path: Path) -> None:
    documents(tmp_path, 6)
    prompts(tmp_path, 0, 1, 2)
    wrong = {**support(0), "quote": "The kiln number 0 runs at 999 degrees in step 3."}
    short = {**support(2), "quote": "in step"}
    rules = [
        {"match": "Question: How hot is the machine 0", "replies": [wrong, support(0)]},
        {"match": "Question: How hot is the machine 1", "text": {**wrong, "answer": "999."}},
        {"match": "Question: How hot is the machine 2", "text": short},
    ]
    recipe = desk(tmp_path, grounded(passages=6, distractors=0), rules, sources=SOURCES)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert said(row)[-1].startswith("It runs at 103 degrees. [")
    assert reasons(recipe) == {"quote_not_found": 2}
    assert len(requests(recipe)) == 2 + 3 + 3


def test_what_no_passage_holds_is_said_to_be_missing(tmp_path: Path) -> None:
    documents(tmp_path, 6)
    prompts(tmp_path, 0, 99)
    recipe = desk(tmp_path, grounded(passages=3), script(0), sources=SOURCES)
    run(recipe)
    _, missing = rows(recipe, status="kept")
    assert said(missing)[-1] == NOT_IN_CONTEXT
    assert missing["labels"] == {"answerable": False}
    assert missing["lineage"]["parents"] == []
    assert len(missing["lineage"]["shots"]) == 6


def test_without_passages_in_the_prompt_it_stays_as_it_was(tmp_path: Path) -> None:
    documents(tmp_path, 6)
    prompts(tmp_path, 0, 99)
    recipe = desk(tmp_path, grounded(passages=6, in_prompt=False), script(0), sources=SOURCES)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert said(row) == [ASKED.format(n=0), "It runs at 103 degrees."]
    # To a bare question, "not in the context" would be no answer.
    assert reasons(recipe) == {"not_in_context": 1}


def test_a_conversation_and_its_system_prompt_are_kept(tmp_path: Path) -> None:
    documents(tmp_path, 6)
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Which machine is it?"},
        {"role": "user", "content": ASKED.format(n=0)},
    ]
    (tmp_path / "prompts.jsonl").write_text(json.dumps({"messages": turns}))
    recipe = desk(tmp_path, grounded(passages=6), script(0), sources=SOURCES)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert [m["role"] for m in row["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert said(row)[0].startswith("Be brief.\n\nAnswer the question from the passages alone")
    assert said(row)[1:3] == ["Hello!", "Which machine is it?"]
    (request,) = requests(recipe)
    assert "Be brief." in request["messages"][0]["content"]
    assert "The conversation so far:\nUser: Hello!" in request["messages"][1]["content"]


def test_another_document_changes_few_requests(tmp_path: Path) -> None:
    documents(tmp_path, 40)
    prompts(tmp_path, *range(20))
    recipe = desk(tmp_path, grounded(), script(*range(20)), sources=SOURCES)
    first = run(recipe, "stages.respond.attempts=1").summary
    (tmp_path / "docs" / "new.md").write_text("Dogs stay on a lead in the yard, cats do as they like. " * 12)
    again = run(recipe, "stages.respond.attempts=1").summary
    assert first["requests"] == 20
    # It is near to no question, and one of 39 that may distract 3 times in each prompt.
    assert again["requests"] <= 6


def test_the_order_of_replies_changes_nothing(tmp_path: Path) -> None:
    documents(tmp_path, 12)
    prompts(tmp_path, *range(12))
    recipe = desk(tmp_path, grounded(passages=4), script(*range(12)), sources=SOURCES)
    outs = [tmp_path / name for name in ("still", "shaken")]
    for out, delay in zip(outs, (0, 0.004), strict=True):
        assert run(recipe, f"models.writer.delay={delay}", out=out).error is None
    still, shaken = (synth.export(out).folder / "receipts.jsonl" for out in outs)
    assert still.read_bytes() == shaken.read_bytes()


@pytest.mark.parametrize("other", [{"n": 2}, {"turns": 2}, {"regenerate": True}])
def test_it_is_one_way_to_answer(tmp_path: Path, other: Json) -> None:
    documents(tmp_path)
    prompts(tmp_path, 0)
    with pytest.raises(RecipeError, match="grounded gives one answer"):
        run(desk(tmp_path, [{"respond": {"grounded": {}, **other}}], [], sources=SOURCES))


def test_it_needs_documents(tmp_path: Path) -> None:
    prompts(tmp_path, 0)
    with pytest.raises(RecipeError, match=r"sources\.documents"):
        run(desk(tmp_path, grounded(), [], sources={"prompts": "prompts.jsonl"}))


def test_as_many_passages_as_raft_shows() -> None:
    options = GroundedOptions()
    assert options.passages + options.distractors == 1 + 4
