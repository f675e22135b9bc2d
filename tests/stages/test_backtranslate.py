"""`backtranslate` on the scripted model: Humpback's curation, the round trip, quotes, RAFT's contexts."""

from __future__ import annotations

from pathlib import Path

import pytest
from desks import desk, documents, reasons, requests, rows, run, said, seeds

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
ASK = "Write the one request"
CURATE = "Say how good an example"
AGREE = "Two writers"


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
        assert lineage["prompt"] == "backtranslate/instruction@1"
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
        ("Machine 1: ask for what the whole thing is.", 5, True, "repeats_prompt", 1),
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
    script = [{"match": "Rewrite a text", "text": "It gets 100 to 119 degrees hot."}, *writer()]
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
    import synth

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
        {"question": "How hot is machine 0 in step 3?", "answer": "103 degrees.",
         "quote": "The kiln  number 0 runs at 103 degrees\nin step 3."},
        {"question": "How hot is machine 0 in step 4?", "answer": "104 degrees.",
         "quote": "The kiln number 0 runs at 999 degrees in step 4."},
        {"question": "What does the passage say about step 5?", "answer": "105 degrees.",
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
        return {"question": f"How hot is machine {n} in step {step}?", "answer": "So hot.", "quote": quote}

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
    recipe = desk(tmp_path, [{"backtranslate": options}], questions_everywhere(12), sources=DOCS)
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


def test_one_question_about_two_passages(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("\n\n".join(f"{'Word ' * 150}number {n}." for n in range(4)))
    stage = {"backtranslate": {"mode": "questions", "passages": 2, "questions": 1, "max_chars": 1200}}
    pair = {"question": "What of number 0 and 1?", "answer": "Both.", "quote": "word number 1."}
    recipe = desk(tmp_path, [stage], [{"match": "several texts", "text": {"pairs": [pair]}}], sources=DOCS)
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
    assert options.keep == HUMPBACK_KEEP == 4.5
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
