"""`respond` from documents on the scripted model: what it finds, checks, and writes into a row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from desks import PARTS, desk, documents, reasons, requests, rows, run, said

import synth
from synth.errors import RecipeError
from synth.llm.base import Json
from synth.recipe.json_schema import recipe_schema
from synth.recipe.load import load_recipe
from synth.row import content_id
from synth.schema_validation import off_schema
from synth.stages.respond.options import GroundedOptions, RespondOptions
from synth.stages.shared_options import NOT_IN_CONTEXT

SOURCES = {"prompts": "prompts.jsonl", "documents": "docs/*.md"}
ASKED = "How hot is the machine {n} in step 3?"


def prompts(folder: Path, *numbers: int, **more: object) -> None:
    lines = [{"instruction": ASKED.format(n=n), **more} for n in numbers]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def quote(n: int) -> str:
    return f"{PARTS[n % 8]} number {n} runs at {103 + 10 * n} degrees in step 3."


def cited(answer: str, *quotes: str) -> str:
    return "".join(f"<quote>{quote}</quote>\n" for quote in quotes) + f"<answer>\n{answer}\n</answer>"


def support(n: int) -> str:
    return cited(f"It runs at {103 + 10 * n} degrees.", quote(n))


NOTHING = "NOT FOUND"


def script(*numbers: int) -> list[Json]:
    rules = [{"match": f"message:\nHow hot is the machine {n} in", "text": support(n)} for n in numbers]
    return [*rules, {"match": "last message:", "text": NOTHING}]


def grounded(**options: object) -> list[Json]:
    return [{"respond": {"grounded": {"min_chars": 300, "max_chars": 2000, **options}}}]


def test_the_answer_names_the_passage_that_its_quote_is_in(tmp_path: Path) -> None:
    documents(tmp_path, 12)
    prompts(tmp_path, *range(8))
    recipe = desk(tmp_path, grounded(passages=9, distractors=3), script(*range(8)), sources=SOURCES)
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
        assert row["lineage"]["prompt"] == "respond/grounded@2"
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
    prompts(tmp_path, 0, 1, 2, 3)
    wrong = cited("It runs hot.", "The kiln number 0 runs at 999 degrees in step 3.")
    rules: list[Json] = [
        {"match": "message:\nHow hot is the machine 0", "replies": [wrong, support(0)]},
        {"match": "message:\nHow hot is the machine 1", "text": wrong},
        {"match": "message:\nHow hot is the machine 2", "text": cited("It runs hot.", quote(2), "in step")},
        {"match": "message:\nHow hot is the machine 3", "text": "It runs at 133 degrees."},
    ]
    recipe = desk(tmp_path, grounded(passages=6, distractors=0), rules, sources=SOURCES)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert said(row)[-1].startswith("It runs at 103 degrees. [")
    assert reasons(recipe) == {"quote_not_found": 3}
    assert len(requests(recipe)) == 2 + 3 + 3 + 3


def test_a_row_that_no_passage_answers_is_dropped(tmp_path: Path) -> None:
    documents(tmp_path, 6)
    prompts(tmp_path, 0, 99)
    recipe = desk(tmp_path, [{"respond": {"grounded": True}}], script(0), sources=SOURCES)
    run(recipe)
    assert len(rows(recipe, status="kept")) == 1
    (row,) = rows(recipe, status="dropped")
    assert (row["reason"], row["detail"]) == (
        "not_in_context",
        "the 5 nearest passages hold no answer, says the model",
    )


def test_what_no_passage_holds_is_said_to_be_missing_if_it_is_asked_for(tmp_path: Path) -> None:
    documents(tmp_path, 6)
    prompts(tmp_path, 0, 99)
    options = grounded(passages=3, distractors=3, not_in_context="keep")
    recipe = desk(tmp_path, options, script(0), sources=SOURCES)
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
    (event,) = row["history"]
    # A judge and a reviewer see what the writer saw, with the title of the page.
    assert len(event["evidence"]) == 6
    assert f"Machine 0\n\n{event['source']}" in event["evidence"]
    # To a bare question, "not in the context" would be no answer.
    assert reasons(recipe) == {"not_in_context": 1}


def test_a_judge_sees_every_passage_that_the_writer_saw(tmp_path: Path) -> None:
    documents(tmp_path, 6)
    prompts(tmp_path, 0)
    # Other limits than those of `score`, which cuts the documents again.
    stages = [*grounded(min_chars=250, max_chars=600, in_prompt=False), {"score": {"rubrics": ["grounded"]}}]
    recipe = desk(tmp_path, stages, script(0), [], sources=SOURCES)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    judged = [r for r in requests(recipe) if "It runs at 103 degrees." in json.dumps(r["messages"])]
    assert judged
    shown = row["history"][0]["evidence"]
    assert len(shown) == 5
    assert all(json.dumps(text)[1:-1] in json.dumps(r["messages"]) for r in judged for text in shown)


def test_a_fact_that_no_passage_has_is_asked_for_again_and_then_dropped(tmp_path: Path) -> None:
    documents(tmp_path, 6)
    prompts(tmp_path, 0, 1)
    invented = cited("It runs at 103 degrees for 45 minutes, or until **Stop > Cool down**.", quote(0))
    rules: list[Json] = [
        {"match": "message:\nHow hot is the machine 0", "replies": [invented, support(0)]},
        {"match": "message:\nHow hot is the machine 1", "text": cited("See BW-7 for 113 degrees.", quote(1))},
    ]
    recipe = desk(tmp_path, grounded(), rules, sources=SOURCES)
    run(recipe)
    (kept,) = rows(recipe, status="kept")
    assert said(kept)[-1].startswith("It runs at 103 degrees. [")
    (dropped,) = rows(recipe, status="dropped")
    assert (dropped["reason"], dropped["detail"]) == ("unsupported", "nothing supports 'BW-7'")
    assert len(requests(recipe)) == 2 + 3


def test_several_quotes_name_several_passages(tmp_path: Path) -> None:
    documents(tmp_path, 6)
    prompts(tmp_path, 0)
    text = cited("Machine 0 runs at 103 degrees, and machine 2 at 123.", quote(2), quote(0), quote(2))
    recipe = desk(tmp_path, grounded(passages=6), [{"match": "last message", "text": text}], sources=SOURCES)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    shown = said(row)[1].split("\n\n[")
    places = sorted(next(i for i, p in enumerate(shown, 1) if quote(n) in p) for n in (0, 2))
    assert said(row)[-1].endswith(f" [{places[0]}][{places[1]}]")
    (event,) = row["history"]
    assert event["quotes"] == [quote(2), quote(0), quote(2)]
    assert quote(2) in event["source"]
    assert row["lineage"]["source"]["file"] == "docs/2.md"
    assert len(row["lineage"]["parents"]) == 2
    assert len(row["lineage"]["shots"]) == 4


def test_an_answer_is_plain_text_in_any_shape(tmp_path: Path) -> None:
    documents(tmp_path, 6)
    prompts(tmp_path, 0, 1, 2)
    code = 'Run this:\n\n```python\nprint("103 \\n")\n```'
    untagged = f"Sure!\n<quote>{quote(1)}</quote>\nIt runs at 113 degrees."
    rules: list[Json] = [
        {"match": "message:\nHow hot is the machine 0", "text": cited(code, quote(0))},
        {"match": "message:\nHow hot is the machine 1", "text": untagged},
        {"match": "message:\nHow hot is the machine 2", "text": cited(" ", quote(2))},
    ]
    recipe = desk(tmp_path, grounded(in_prompt=False), rules, sources=SOURCES)
    run(recipe)
    assert [said(row)[-1] for row in rows(recipe, status="kept")] == [code, "It runs at 113 degrees."]
    assert reasons(recipe) == {"empty": 1}


OBJECT = """---
name: mine
version: 1
inputs: [passages, question]
output:
  type: object
  properties: {supported: {type: boolean}, quote: {type: string}, answer: {type: string}}
  required: [supported, quote, answer]
source: Mine.
---
{{ passages | join("\n\n") }}

Q: {{ question }}
"""


def test_a_prompt_of_your_own_may_want_an_object(tmp_path: Path) -> None:
    documents(tmp_path, 6)
    prompts(tmp_path, 0, 1)
    (tmp_path / "mine.md").write_text(OBJECT)
    right = {"supported": True, "quote": quote(0), "answer": "It runs at 103 degrees."}
    rules: list[Json] = [
        {"match": "Q: How hot is the machine 0", "text": right},
        {"match": "Q: ", "text": {"supported": False, "quote": "", "answer": ""}},
    ]
    run(recipe := desk(tmp_path, grounded(draft="mine.md", in_prompt=False), rules, sources=SOURCES))
    assert [said(row)[-1] for row in rows(recipe, status="kept")] == ["It runs at 103 degrees."]
    assert reasons(recipe) == {"not_in_context": 1}


def test_japanese_quotes_and_answers_are_kept(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    page = "返金は30日以内にできます。設定 > 請求 > 返金を開いてください。手数料は19ユーロです。" * 12
    (tmp_path / "docs" / "ja.md").write_text(page)
    asked = ["返金はいつまでできますか。", "手数料はいくらですか。"]
    lines = [json.dumps({"instruction": question}) for question in asked]
    (tmp_path / "prompts.jsonl").write_text("\n".join(lines))
    rules: list[Json] = [
        {
            "match": asked[0],
            "text": cited("30日以内に、設定 > 請求 > 返金からできます。", "返金は30日以内にできます。"),
        },
        {"match": asked[1], "text": cited("手数料は29ユーロです。", "手数料は19ユーロです。")},
    ]
    run(recipe := desk(tmp_path, grounded(in_prompt=False), rules, sources=SOURCES))
    assert [said(row)[-1] for row in rows(recipe, status="kept")] == [
        "30日以内に、設定 > 請求 > 返金からできます。"
    ]
    (dropped,) = rows(recipe, status="dropped")
    assert (dropped["reason"], dropped["detail"]) == ("unsupported", "nothing supports '29ユーロ'")


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


def test_an_answer_that_the_context_lacks_needs_the_context_in_the_prompt(tmp_path: Path) -> None:
    documents(tmp_path)
    prompts(tmp_path, 0)
    with pytest.raises(RecipeError, match="needs in_prompt"):
        run(desk(tmp_path, grounded(in_prompt=False, not_in_context="keep"), [], sources=SOURCES))


def test_as_many_passages_as_raft_shows() -> None:
    options = GroundedOptions()
    assert options.passages + options.distractors == 1 + 4


@pytest.mark.parametrize("value", [True, False, {}, {"passages": 3}])
def test_true_means_the_defaults_in_recipes_and_in_editors(tmp_path: Path, value: object) -> None:
    documents(tmp_path)
    prompts(tmp_path, 0)
    file = desk(tmp_path, [{"respond": {"grounded": value}}], [], sources=SOURCES)
    options = load_recipe(file).stages[0].options
    assert isinstance(options, RespondOptions)
    assert (options.grounded is None) == (value is False)
    recipe = yaml.safe_load(file.read_text())
    assert off_schema(recipe, recipe_schema()) is None
    recipe["stages"][0]["respond"]["grounded"] = "yes"
    assert off_schema(recipe, recipe_schema())
