"""`target_failures` on the scripted model: patterns, only real rows, pairs with the bad answer."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from desks import desk, reasons, requests, rows, run, said, seeds

import synth
from synth.errors import RecipeError
from synth.llm.base import Json
from synth.stages.target_failures.options import LLM2LLM_NOVELTY, TargetFailuresOptions

SOURCES = {"failures": "failures.jsonl"}
REFUND = "Wrong refund rule: it promises money back after the period has ended."
MENU = "Invented menu: the settings page that it names does not exist in the product."


def failures(folder: Path, model: str | None = None) -> None:
    lines = []
    for number in range(6):
        problem = REFUND if number < 4 else MENU
        row = {
            "instruction": f"Question {number} about my bill?",
            "response": f"Bad {number}.",
            "problem": problem,
        }
        row |= {"expected": f"Right {number}."} if number % 2 else {}
        row |= {"model": model} if model else {}
        lines.append(json.dumps(row))
    (folder / "failures.jsonl").write_text("\n".join(lines))


def script() -> list[Json]:
    frames = ("Can the {} be cancelled and repaid?", "Who pays when our {} runs out in winter?")
    things = ("yearly plan", "gift card", "late fee", "second seat", "phone line", "deposit")
    drafts = [
        {
            "match": f"The mistake: .*Question {n} about",
            "replies": [{"instruction": f.format(things[n]), "response": f"Good {n}."} for f in frames],
        }
        for n in range(6)
    ]
    return [
        {"match": "You name the mistake.*", "text": {"pattern": "made up"}},
        {"match": "Write the reply only", "text": "Corrected."},
        *drafts,
    ]


def test_each_failure_gives_a_pair_and_a_new_row(tmp_path: Path) -> None:
    failures(tmp_path)
    recipe = desk(tmp_path, [{"target_failures": {"novelty": 0.95}}], script(), sources=SOURCES)
    result = run(recipe)
    assert result.error is None
    kept = rows(recipe, status="kept")
    pairs = [row for row in kept if row["candidates"]]
    assert len(kept) == 12
    assert {(said(row)[0], said(row)[1], row["candidates"][0]["content"]) for row in pairs} == {
        (f"Question {n} about my bill?", f"Right {n}." if n % 2 else "Corrected.", f"Bad {n}.")
        for n in range(6)
    }
    per_failure = Counter(row["lineage"]["parents"][0] for row in kept if not row["candidates"])
    assert set(per_failure.values()) == {1}
    assert sum("You name the mistake" in json.dumps(request) for request in requests(recipe)) == 2
    assert result.summary["stages"]["target_failures"]["patterns"] == {"made up": 6}


@pytest.mark.parametrize("reply", [{"text": "No idea."}, {"error": "too long"}])
def test_a_pattern_that_gets_no_name_goes_by_its_problem(tmp_path: Path, reply: Json) -> None:
    failures(tmp_path)
    rules = [{"match": "You name the mistake.*", **reply}, *script()[1:]]
    recipe = desk(tmp_path, [{"target_failures": {"novelty": 0.95}}], rules, sources=SOURCES)
    result = run(recipe)
    assert result.error is None
    assert result.summary["stages"]["target_failures"]["patterns"] == {REFUND: 4, MENU: 2}
    assert len(rows(recipe, status="kept")) == 12


def test_pairs_become_preference_data(tmp_path: Path) -> None:
    failures(tmp_path)
    recipe = desk(tmp_path, [{"target_failures": {"novelty": 0.95}}], script(), sources=SOURCES)
    run(recipe)
    folder = synth.export(recipe, format="trl-dpo").folder
    texts = [(folder / name).read_text() for name in ("train.jsonl", "test.jsonl")]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    assert {line["rejected"][0]["content"] for line in lines} == {f"Bad {n}." for n in range(6)}


def test_no_prompt_shows_a_draft(tmp_path: Path) -> None:
    failures(tmp_path)
    recipe = desk(tmp_path, [{"target_failures": {"each": 2, "novelty": 0.95}}], script(), sources=SOURCES)
    run(recipe)
    drafts = [said(row)[0] for row in rows(recipe, status="kept") if not row["candidates"]]
    assert len(drafts) == 12
    for request in requests(recipe):
        assert not any(draft in json.dumps(request) for draft in drafts)


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        ({"instruction": "question 1 about my bill", "response": "Good."}, "not_novel"),
        ({"instruction": "", "response": "Good."}, "empty"),
        ({"instruction": "Is the invoice of May paid by now?", "response": "Bad 1."}, "bad_answer"),
    ],
)
def test_what_is_dropped_and_why(tmp_path: Path, draft: Json, reason: str) -> None:
    failures(tmp_path)
    (tmp_path / "failures.jsonl").write_text((tmp_path / "failures.jsonl").read_text().splitlines()[1])
    rules = [
        {"match": "You name the mistake", "text": {"pattern": "x"}},
        {"match": "The mistake: ", "text": draft},
    ]
    recipe = desk(tmp_path, [{"target_failures": {"pairs": False}}], rules, sources=SOURCES)
    run(recipe, "stages.target_failures.count=1", limit=1)
    assert set(reasons(recipe)) == {reason}


MONEY = "Our yearly plan renewed 20 days ago. Can I have the money back?"
PERIODS = "A yearly plan is refunded within 30 days of the first payment, and within 14 days of a renewal."


def one_failure(folder: Path, **more: Any) -> None:
    row = {"instruction": MONEY, "response": "Yes, within 30 days.", **more}
    (folder / "failures.jsonl").write_text(json.dumps(row))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("No. A renewal is refunded within 14 days.", None),
        ("No. A renewal is refunded within 45 days.", "unsupported"),
        ("[unknown]", "unknown"),
        ("yes, within 30 days", "bad_answer"),
    ],
)
def test_a_right_answer_is_known_and_supported(tmp_path: Path, answer: str, reason: str | None) -> None:
    one_failure(tmp_path, problem="A renewal has another period.")
    (tmp_path / "facts.md").write_text(PERIODS)
    rules = [{"match": "Write the reply only", "text": answer}, *script()[:1]]
    options = {"facts": "facts.md", "count": 1}
    recipe = desk(tmp_path, [{"target_failures": options}], rules, sources=SOURCES)
    run(recipe, limit=1)
    pairs = [row for row in rows(recipe) if row["candidates"]]
    assert [row["reason"] for row in pairs] == [reason]
    assert pairs[0]["candidates"][0]["content"] == "Yes, within 30 days."
    if reason == "unsupported":
        assert "45" in pairs[0]["detail"]
    (asked,) = [said(r) for r in requests(recipe) if "Write the reply only" in said(r)[0]]
    assert asked[1] == MONEY
    assert PERIODS in asked[0]
    assert "A renewal has another period." in asked[0]


def test_without_evidence_an_unknown_answer_is_dropped(tmp_path: Path) -> None:
    one_failure(tmp_path)
    rules = [{"match": "Write the reply only", "text": "[unknown]"}, *script()[:1]]
    recipe = desk(tmp_path, [{"target_failures": {"count": 1}}], rules, sources=SOURCES)
    progress = synth.pipeline.progress.Progress()
    synth.run(recipe, progress=progress)
    assert reasons(recipe)["unknown"] == 1
    assert any("the writer sees no documents" in message for message in progress.messages)


@pytest.mark.parametrize(
    ("response", "reason"),
    [("Not after 14 days.", None), ("Yes, for a fee of 25 euros.", "unsupported")],
)
def test_a_new_row_asks_about_the_evidence(tmp_path: Path, response: str, reason: str | None) -> None:
    one_failure(tmp_path, expected="No.", system="Answer briefly.")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text(f"# Refunds\n\n{PERIODS} " + "Invoices are PDF files. " * 20)
    draft = {"instruction": "My plan renewed three weeks ago, what can I get?", "response": response}
    rules = [script()[0], {"match": "The mistake: ", "text": draft}]
    options = {"context": "documents", "pairs": False, "count": 1}
    sources = {**SOURCES, "documents": "docs/*.md"}
    recipe = desk(tmp_path, [{"target_failures": options}], rules, sources=sources)
    run(recipe)
    every = rows(recipe)
    assert every[0]["reason"] == reason
    assert said(every[0])[0] == "Answer briefly."
    assert "14 days of a renewal" in every[0]["history"][0]["source"]
    (asked,) = [said(r) for r in requests(recipe) if "The mistake: " in said(r)[-1]][:1]
    assert PERIODS in asked[0]
    assert "Answer briefly." in asked[0]
    assert "Answer briefly." not in asked[1]


def conversation_failure(folder: Path) -> None:
    turns = ("My calendar is not in sync.", "Which one is it?", "The iCloud one.")
    messages = [{"role": r, "content": t} for r, t in zip(("user", "assistant", "user"), turns, strict=True)]
    row = {"messages": messages, "response": "iCloud is not supported.", "expected": "Use an app password."}
    (folder / "failures.jsonl").write_text(json.dumps(row))


def test_a_failure_in_a_conversation_gives_conversations(tmp_path: Path) -> None:
    conversation_failure(tmp_path)
    turns = ["The app is slow.", "On which phone?", "An old one."]
    draft = {"messages": turns, "response": "Please update it."}
    recipe = desk(
        tmp_path, [{"target_failures": {}}], [script()[0], {"match": "The mistake: ", "text": draft}],
        sources=SOURCES,
    )  # fmt: skip
    run(recipe)
    pair, new = rows(recipe, status="kept")
    assert said(pair)[-2:] == ["The iCloud one.", "Use an app password."]
    assert said(new) == [*turns, "Please update it."]
    assert [m["role"] for m in new["messages"]] == ["user", "assistant", "user", "assistant"]
    assert new["lineage"]["prompt"] == "target_failures/draft_conversation@1"
    (asked,) = [said(r) for r in requests(recipe) if "The mistake: " in said(r)[-1]]
    assert "Write 3 messages" in asked[0]
    assert "User: My calendar is not in sync.\n\nAssistant: Which one is it?" in asked[1]


def test_a_conversation_that_ends_with_the_assistant_is_no_draft(tmp_path: Path) -> None:
    conversation_failure(tmp_path)
    draft = {"messages": ["The app is slow.", "On which phone?", "Old.", "Oh."], "response": "Update it."}
    recipe = desk(
        tmp_path, [{"target_failures": {}}], [script()[0], {"match": "The mistake: ", "text": draft}],
        sources=SOURCES,
    )  # fmt: skip
    run(recipe)
    assert set(reasons(recipe)) == {"off_schema"}


def test_the_model_that_failed_is_no_good_writer(tmp_path: Path) -> None:
    failures(tmp_path, model="fake")
    recipe = desk(tmp_path, [{"target_failures": {"novelty": 0.95}}], script(), sources=SOURCES)
    progress = synth.pipeline.progress.Progress()
    synth.run(recipe, progress=progress)
    assert any("3 failures without an `expected`" in message for message in progress.messages)


def test_a_failure_whose_right_answer_is_a_seed_is_held_out_once(tmp_path: Path) -> None:
    seeds(tmp_path, 6)
    rows = [json.loads(line) for line in (tmp_path / "seeds.jsonl").read_text().splitlines()]
    failed = [{**row, "response": "No idea.", "expected": row["response"]} for row in rows]
    (tmp_path / "failures.jsonl").write_text("".join(json.dumps(row) + "\n" for row in failed))
    sources = {"seeds": "seeds.jsonl", "failures": "failures.jsonl"}
    recipe = desk(tmp_path, [{"generate": {"count": 2}}], [], sources=sources, holdout={"rows": 3})
    assert run(recipe).error is None
    held = [row["id"] for row in synth.open(recipe).rows() if row["lineage"]["origin"] == "holdout"]
    assert len(held) == len(set(held)) == 3


def test_expected_answers_can_be_held_out(tmp_path: Path) -> None:
    failures(tmp_path)
    recipe = desk(
        tmp_path, [{"target_failures": {"novelty": 0.95}}], script(), sources=SOURCES, holdout={"rows": 2}
    )
    run(recipe)
    held = [row for row in synth.open(recipe).rows() if row["lineage"]["origin"] == "holdout"]
    assert len(held) == 2
    assert all(said(row)[-1].startswith("Right") for row in held)
    assert len([row for row in rows(recipe, status="kept") if row["lineage"]["stage"]]) == 8
    with pytest.raises(RecipeError, match=r"sources\.failures"):
        run(desk(tmp_path, [{"target_failures": {}}], [], sources={"documents": "*.md"}))


def test_the_papers_constants() -> None:
    assert TargetFailuresOptions().each == 1
    assert TargetFailuresOptions().novelty == LLM2LLM_NOVELTY == 0.95


def test_no_prompt_for_an_answer_shows_the_bad_one(tmp_path: Path) -> None:
    failures(tmp_path)
    recipe = desk(tmp_path, [{"target_failures": {}}], script(), sources=SOURCES)
    run(recipe)
    naming = "You name the mistake"
    shown = {(naming in json.dumps(request), "Bad " in json.dumps(request)) for request in requests(recipe)}
    assert shown == {(True, True), (False, False)}
