"""`backtranslate` on the scripted model: Humpback's curation, the round trip, quotes, RAFT's contexts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from desks import desk, documents, reasons, requests, rows, run, said, seeds

import synth
from synth.errors import RecipeError
from synth.llm.base import Json
from synth.prompts import read_prompt
from synth.stages.backtranslate.options import (
    HUMPBACK_DOCUMENT_TAG,
    HUMPBACK_KEEP,
    HUMPBACK_SEED_TAG,
    BacktranslateOptions,
    ContextOptions,
    TagOptions,
)
from synth.stages.shared_options import NOT_IN_CONTEXT

PROMPTS = Path(__file__).resolve().parents[2] / "prompts"
DOCS = {"documents": "docs/*.md"}
ASK = "Write the request that a user sent"
CURATE = "Rate how good an example"
AGREE = "Two writers"
ANSWERED = "You check whether passages answer"


def writer(instruction: str = "How hot does machine {n} get in each step?") -> list[Json]:
    """An instruction for each of the documents."""
    rules = [{"match": f"{ASK}.*number {n} runs", "text": instruction.format(n=n)} for n in range(12)]
    return [*rules, {"match": "^How hot", "text": "It depends on the step."}]


def judge(score: int = 5, agree: bool = True) -> list[Json]:
    return [
        {"match": CURATE, "text": {"reasoning": "Clear.", "score": score}},
        {"match": AGREE, "text": {"agree": agree}},
    ]


def test_the_text_is_the_answer(tmp_path: Path) -> None:
    documents(tmp_path)
    recipe = desk(tmp_path, [{"backtranslate": {}}], writer(), judge(), sources=DOCS)
    result = run(recipe)
    assert result.error is None
    kept = rows(recipe, status="kept")
    assert len(kept) == 3
    for row in kept:
        lineage = row["lineage"]
        document = (tmp_path / lineage["source"]["file"]).read_text()
        asked, answered = said(row)
        assert answered == document[lineage["source"]["start"] : lineage["source"]["end"]]
        assert asked.startswith("How hot does machine")
        assert lineage["origin"] == "document"
        assert lineage["prompt"] == "backtranslate/instruction@2"
        assert len(lineage["parents"]) == 1
        assert row["scores"]["curation"] == 5
        assert [event["did"][0] for event in row["history"]] == ["drafted", "curated", "round_trip"]
        assert row["history"][0]["source"] == row["messages"][-1]["content"]
    # A draft takes four requests: the instruction, the curation, the blind answer, the comparison.
    assert len(requests(recipe)) == 1 + 4 * 3


@pytest.mark.parametrize(
    ("instruction", "score", "agree", "reason", "requests_a_draft"),
    [
        ("How hot does machine {n} get in each step?", 4, True, "low_curation", 2),
        ("How hot does machine {n} get in each step?", 5, False, "round_trip", 4),
        ("How hot is the machine in the text above?", 5, True, "leans_on_source", 1),
        ("Explain it.", 5, True, "too_short", 1),
        ("What is the best answer of a helpful assistant?", 5, True, "off_topic", 1),
        ("According to the passage, how hot is machine 1?", 5, True, "leans_on_source", 1),
        ("Machine 1: ask for what the whole text of it is.", 5, True, "repeats_prompt", 1),
        ("word " * 151, 5, True, "too_long", 1),
    ],
)
def test_what_is_dropped_and_why(
    tmp_path: Path, instruction: str, score: int, agree: bool, reason: str, requests_a_draft: int
) -> None:
    documents(tmp_path)
    recipe = desk(tmp_path, [{"backtranslate": {}}], writer(instruction), judge(score, agree), sources=DOCS)
    run(recipe)
    assert reasons(recipe) == {reason: 3}
    assert len(requests(recipe)) == 1 + 3 * requests_a_draft


def test_the_blind_answer_is_asked_without_the_text(tmp_path: Path) -> None:
    documents(tmp_path, 1)
    recipe = desk(tmp_path, [{"backtranslate": {}}], writer(), judge(), sources=DOCS)
    run(recipe)
    blind = [r for r in requests(recipe) if r["messages"][-1]["content"].startswith("How hot does machine 0")]
    assert len(blind) == 1
    assert len(blind[0]["messages"]) == 1


def test_a_rewritten_answer_is_marked_and_the_text_kept(tmp_path: Path) -> None:
    documents(tmp_path, 1)
    script = [{"match": "You turn a text into", "text": "It gets 100 to 119 degrees hot."}, *writer()]
    recipe = desk(tmp_path, [{"backtranslate": {"rewrite": True}}], script, judge(), sources=DOCS)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert said(row)[-1] == "It gets 100 to 119 degrees hot."
    event = row["history"][1]
    assert event["did"] == ["rewritten"]
    assert event["before"].startswith("The kiln number 0") or "The kiln number 0" in event["before"]


def test_tags_tell_seeds_from_documents(tmp_path: Path) -> None:
    documents(tmp_path, 1)
    seeds(tmp_path, 2)
    sources = {**DOCS, "seeds": "seeds.jsonl"}
    recipe = desk(tmp_path, [{"backtranslate": {"tags": {}}}], writer(), judge(), sources=sources)
    run(recipe)
    tags = [row["messages"][0]["content"] for row in synth.open(recipe)]
    assert tags == [HUMPBACK_SEED_TAG, HUMPBACK_SEED_TAG, HUMPBACK_DOCUMENT_TAG]


def test_another_document_asks_for_nothing_old_again(tmp_path: Path) -> None:
    documents(tmp_path, 5)
    recipe = desk(tmp_path, [{"backtranslate": {}}], writer(), judge(), sources=DOCS)
    run(recipe)
    before = len(requests(recipe))
    documents(tmp_path, 6)
    result = run(recipe)
    assert result.summary["requests"] == len(requests(recipe)) - before == 4


PAIRS: Json = {
    "pairs": [
        {"kind": "fact", "question": "How hot is machine 0 in step 3?", "answer": "103 degrees.",
         "quote": "The kiln  number 0 runs at 103 degrees\nin step 3."},
        {"kind": "fact", "question": "How hot is machine 0 in step 4?", "answer": "104 degrees.",
         "quote": "The kiln number 0 runs at 999 degrees in step 4."},
        {"kind": "fact", "question": "What does the passage say about step 5?", "answer": "105 degrees.",
         "quote": "The kiln number 0 runs at 105 degrees in step 5."},
    ]
}  # fmt: skip


def test_questions_need_a_quote_that_is_in_the_text(tmp_path: Path) -> None:
    documents(tmp_path, 1)
    stage = {"backtranslate": {"mode": "questions"}}
    recipe = desk(tmp_path, [stage], [{"match": "You write questions", "text": PAIRS}], sources=DOCS)
    run(recipe)
    (row,) = rows(recipe, status="kept")
    assert said(row) == ["How hot is machine 0 in step 3?", "103 degrees."]
    assert reasons(recipe) == {"quote_not_found": 1, "leans_on_source": 1}


def questions_everywhere(count: int) -> list[Json]:
    def pair(n: int, step: int) -> Json:
        words = (
            "The kiln",
            "A loom",
            "This lathe",
            "Every press",
            "The forge",
            "One mill",
            "The dryer",
            "A saw",
        )
        quote = f"{words[n % 8]} number {n} runs at {100 + 10 * n + step} degrees in step {step}."
        question = f"How hot is machine {n} in step {step}?"
        return {"kind": "fact", "question": question, "answer": "So hot.", "quote": quote}

    return [
        {"match": f"You write questions.*number {n} runs", "text": {"pairs": [pair(n, k) for k in range(5)]}}
        for n in range(count)
    ]


def test_no_more_passages_are_asked_about_than_the_count_needs(tmp_path: Path) -> None:
    documents(tmp_path, 12)
    options = {"mode": "questions", "questions": 5, "count": 10}
    recipe = desk(tmp_path, [{"backtranslate": options}], questions_everywhere(12), sources=DOCS)
    result = run(recipe)
    assert result.summary["accepted"] == 10
    assert result.summary["requests"] == 2


def test_with_context_a_share_has_no_answer(tmp_path: Path) -> None:
    documents(tmp_path, 12)
    options = {"mode": "questions", "questions": 5, "context": {"absent": 0.3}}
    script = [*questions_everywhere(12), {"match": ANSWERED, "text": {"answered": False}}]
    recipe = desk(tmp_path, [{"backtranslate": options}], script, sources=DOCS)
    run(recipe)
    kept = rows(recipe, status="kept")
    assert len(kept) == 60
    absent = 0
    for row in kept:
        _, asked, answered = said(row)
        quote = row["history"][0]["quote"]
        shown = asked.split("\n\n[")
        if row["labels"]["answerable"]:
            place = next(i for i, passage in enumerate(shown, 1) if quote in passage)
            assert answered == f"So hot. [{place}]"
            assert len(shown) == 5
        else:
            absent += 1
            assert quote not in asked
            assert answered == NOT_IN_CONTEXT
            assert len(shown) == 4
    assert 9 <= absent <= 27  # 60 draws of 0.3: within 4 standard deviations of 18


def test_a_question_without_its_passage_that_others_answer_is_dropped(tmp_path: Path) -> None:
    documents(tmp_path, 12)
    options = {"mode": "questions", "questions": 5, "context": {"absent": 0.3}}
    asked_judge = [{"match": ANSWERED, "text": {"answered": True}}]
    recipe = desk(tmp_path, [{"backtranslate": options}], questions_everywhere(12), asked_judge, sources=DOCS)
    run(recipe)
    dropped = rows(recipe, status="dropped")
    assert reasons(recipe) == {"answered_elsewhere": len(dropped)}
    assert dropped
    assert all(row["labels"]["answerable"] is False for row in dropped)
    assert all(row["labels"]["answerable"] for row in rows(recipe, status="kept"))
    # One more request is the probe that shows how the judge is read.
    assert sum(ANSWERED in said(request)[0] for request in requests(recipe)) == len(dropped) + 1
    options["context"] = {"absent": 0.3, "ask_judge": False}
    recipe = desk(tmp_path, [{"backtranslate": options}], questions_everywhere(12), asked_judge, sources=DOCS)
    run(recipe)
    assert reasons(recipe) == {}


def test_no_distractor_holds_all_facts_of_the_answer(tmp_path: Path) -> None:
    documents(tmp_path, 8)
    twin = "The pressure of the kiln is 17 bar, as everybody in the hall knows by now. " * 10
    (tmp_path / "docs" / "a.md").write_text(f"# Pressure\n\nThe kiln runs at 17 bar. {twin}")
    (tmp_path / "docs" / "b.md").write_text(f"# More of it\n\nIn the hall, kilns get 17 bar. {twin[1:]}")
    options = {"mode": "questions", "questions": 1, "context": {"absent": 0.0}}
    pair = {"kind": "fact", "question": "At how many bar does the kiln run?", "answer": "At 17 bar.",
            "quote": "The kiln runs at 17 bar."}  # fmt: skip
    script = [{"match": "The kiln runs at 17 bar.*Write one entry", "text": {"pairs": [pair]}}]
    recipe = desk(tmp_path, [{"backtranslate": options}], script, sources=DOCS)
    run(recipe)
    (row,) = [row for row in rows(recipe, status="kept") if row["history"][0]["quote"] == pair["quote"]]
    assert said(row)[1].count("17 bar") == said(row)[1].count("The kiln runs at 17 bar") + twin.count(
        "17 bar"
    )
    assert "kilns get 17 bar" not in said(row)[1]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("It runs at 103 degrees.", None),
        ("It runs at 350 degrees.", "unsupported"),
        ("It runs at 103 degrees. Open **Settings > Heat** to change that.", "unsupported"),
    ],
)
def test_an_answer_states_only_what_the_passage_holds(
    tmp_path: Path, answer: str, reason: str | None
) -> None:
    documents(tmp_path, 1)
    pair = {"kind": "fact", "question": "How hot is machine 0 in step 3?", "answer": answer,
            "quote": "The kiln number 0 runs at 103 degrees in step 3."}  # fmt: skip
    script = [{"match": "You write questions", "text": {"pairs": [pair]}}]
    recipe = desk(tmp_path, [{"backtranslate": {"mode": "questions"}}], script, sources=DOCS)
    run(recipe)
    assert reasons(recipe) == ({reason: 1} if reason else {})
    if reason:
        (row,) = rows(recipe, status="dropped")
        assert any(claim in row["detail"] for claim in ("350", "Settings > Heat"))


def test_a_rewritten_answer_with_a_new_fact_is_dropped(tmp_path: Path) -> None:
    documents(tmp_path, 1)
    script = [{"match": "You turn a text into", "text": "It gets 100 to 950 degrees hot."}, *writer()]
    recipe = desk(tmp_path, [{"backtranslate": {"rewrite": True}}], script, judge(), sources=DOCS)
    run(recipe)
    (row,) = rows(recipe, status="dropped")
    assert (row["reason"], "950" in row["detail"]) == ("unsupported", True)


def test_seeds_show_the_writer_how_users_ask(tmp_path: Path) -> None:
    documents(tmp_path, 2)
    seed_rows = [
        {"instruction": f"pls how do i clean machine {i}", "response": f"Wipe it {i} times with a dry cloth."}
        for i in range(9)
    ]
    labels = [{"instruction": f"Which queue? Ticket {i}", "response": '{"queue": "it"}'} for i in range(9)]
    (tmp_path / "seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in seed_rows + labels))
    sources = {**DOCS, "seeds": "seeds.jsonl"}
    recipe = desk(tmp_path, [{"backtranslate": {}}], writer(), judge(), sources=sources, holdout={"rows": 4})
    run(recipe)
    held_out = {said(row)[0] for row in synth.open(recipe).rows() if row["lineage"]["origin"] == "holdout"}
    drafts = rows(recipe)
    assert len(drafts) == 2
    asked = [said(request)[1] for request in requests(recipe) if ASK in said(request)[0]]
    for text, row in zip(sorted(asked), sorted(drafts, key=lambda row: said(row)[1]), strict=True):
        shown = [each["instruction"] for each in seed_rows if f"Request:\n{each['instruction']}\n" in text]
        assert len(shown) == len(row["lineage"]["shots"]) == 4
        assert not held_out.intersection(shown)
        assert "Which queue?" not in text
    assert asked[0] != asked[1]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [("how hot may the kiln get", "repeats_prompt"), ("How loud may the kiln get?", None)],
)
def test_the_request_of_an_example_is_no_draft(tmp_path: Path, request_: str, reason: str | None) -> None:
    documents(tmp_path, 1)
    (tmp_path / "seeds.jsonl").write_text(
        json.dumps({"instruction": "How hot may the kiln get?", "response": "It may get as hot as you like."})
    )
    sources = {**DOCS, "seeds": "seeds.jsonl"}
    recipe = desk(tmp_path, [{"backtranslate": {}}], writer(request_), judge(), sources=sources)
    run(recipe)
    assert reasons(recipe) == ({reason: 1} if reason else {})


def test_a_writer_that_judges_itself_drops_nothing_by_default(tmp_path: Path) -> None:
    documents(tmp_path)
    script = [*judge(2), *writer()]
    recipe = desk(tmp_path, [{"backtranslate": {}}], script, sources=DOCS)
    run(recipe)
    assert [row["scores"]["curation"] for row in rows(recipe, status="kept")] == [2, 2, 2]
    run(desk(tmp_path, [{"backtranslate": {"keep": 4.5}}], script, sources=DOCS))
    assert reasons(recipe) == {"low_curation": 3}


@pytest.mark.parametrize(
    ("options", "warned"),
    [({}, True), ({"rewrite": True}, False), ({"keep": 3}, False), ({"keep": None}, False)],
)
def test_the_yield_of_the_paper_is_said_once(tmp_path: Path, options: Json, warned: bool) -> None:
    documents(tmp_path)
    recipe = desk(tmp_path, [{"backtranslate": options}], writer(), judge(), sources=DOCS)
    progress = synth.pipeline.progress.Progress()
    synth.run(recipe, progress=progress)
    assert sum("8% (41,821 of 502,133)" in message for message in progress.messages) == warned


def test_japanese_documents_keep_rows(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    text = "年額プランは、初回の支払いから30日以内であれば全額返金します。更新後は14日以内に限ります。" * 15
    (tmp_path / "docs" / "a.md").write_text(f"# 返金\n\n{text}\n")
    script = [
        {"match": ASK, "text": "年額プランの返金はいつまで受けられますか。"},
        {"match": "^年額プランの返金は", "text": "規定によります。"},
        {"match": "You write questions", "text": {"pairs": [{
            "kind": "condition", "question": "年額プランの更新後、返金は何日以内ですか。",
            "answer": "14日以内です。", "quote": "更新後は14日以内に限ります。"}]}},
    ]  # fmt: skip
    stages = [
        {"backtranslate": {}},
        {"backtranslate": {"as": "questions", "mode": "questions", "questions": 1}},
    ]
    recipe = desk(tmp_path, stages, script, judge(), sources=DOCS)
    run(recipe)
    assert reasons(recipe) == {}
    assert len(rows(recipe, status="kept")) == 2


def test_one_question_about_two_passages(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("\n\n".join(f"{'Word ' * 150}number {n}." for n in range(4)))
    stage = {"backtranslate": {"mode": "questions", "passages": 2, "questions": 1, "max_chars": 1200}}
    pair = {"question": "What of number 0 and 1?", "answer": "Both.", "quote": "word number 1."}
    script = [{"match": "several texts say", "text": {"pairs": [{"kind": "fact", **pair}]}}]
    recipe = desk(tmp_path, [stage], script, sources=DOCS)
    run(recipe)
    drafts = rows(recipe)
    assert len(drafts) == 2
    assert all(len(row["lineage"]["parents"]) == 2 for row in drafts)


def test_nothing_to_draw_on_is_said(tmp_path: Path) -> None:
    documents(tmp_path)
    seeds(tmp_path)
    with pytest.raises(RecipeError, match=r"sources\.documents"):
        run(desk(tmp_path, [{"backtranslate": {}}], [], sources={"seeds": "seeds.jsonl"}))
    wide = {"backtranslate": {"mode": "questions", "context": {}}}
    with pytest.raises(RecipeError, match="4 distractors need more than 3"):
        run(desk(tmp_path, [wide], [], sources=DOCS))


def test_the_papers_constants() -> None:
    options = BacktranslateOptions()
    assert (options.min_chars, options.max_chars) == (600, 3000)
    assert (options.usual_sampling.temperature, options.usual_sampling.top_p) == (0.7, 0.9)
    assert (options.keep, HUMPBACK_KEEP) == ("auto", 4.5)
    assert TagOptions().seeds == "Answer in the style of an AI Assistant."
    assert TagOptions().documents == "Answer with knowledge from web search."
    assert (ContextOptions().distractors, ContextOptions().absent) == (4, 0.2)


def test_the_papers_scale() -> None:
    prompt = read_prompt(PROMPTS / "backtranslate" / f"{BacktranslateOptions().curate}.md", "curate")
    assert prompt.schema is not None
    assert list(prompt.schema["properties"]) == ["reasoning", "score"], "reasons come first"
    score = prompt.schema["properties"]["score"]
    assert (score["minimum"], score["maximum"]) == (1, 5)
    assert all(f"\n{level}: " in prompt.text for level in range(1, 6))
