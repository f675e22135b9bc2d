"""`score`: what reaches the bar, several rubrics in one request, and what the judge sees."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from desks import desk, documents, requests, rows, run, said, seeds

import synth
from synth.api import run_with_result
from synth.errors import PromptError, RecipeError
from synth.llm.base import Json, Reply, TokenChoice
from synth.llm.chat_completions import write_reply
from synth.pipeline.progress import Progress
from synth.stages.bar import Bar
from synth.stages.score.options import ScoreOptions
from tests.odd_server import Answer, OddServer

SEEDS = {"seeds": "seeds.jsonl"}
Chances = dict[int, float]


def judged_by(server: OddServer, folder: Path, grades: dict[str, dict[str, Chances]], score: Json) -> Path:
    """A recipe whose judge gives these chances, by a part of the answer and by the key in its reply."""

    def answer(body: bytes) -> Answer:
        asked = orjson.loads(body)
        text = "\n".join(message["content"] for message in asked["messages"])
        graded = text.partition("<answer>\n")[2]
        given = next((g for part, g in grades.items() if part in graded), next(iter(grades.values())))
        return 200, {}, write_reply(spoken(given, logprobs=bool(asked.get("logprobs"))))

    server.answer = answer
    (folder / "prompts.jsonl").write_text(
        "".join(json.dumps({"instruction": f"Question {part}?"}) + "\n" for part in grades)
    )
    writer = [{"match": f"Question {part}\\?", "text": f"Answer {part}."} for part in grades]
    recipe = desk(folder, ["respond", {"score": score}], writer, sources={"prompts": "prompts.jsonl"})
    lines = recipe.read_text().replace(
        "models:\n", f"models:\n  judge: {{model: judge, base_url: '{server.url}'}}\n"
    )
    recipe.write_text(lines)
    return recipe


def spoken(given: dict[str, Chances], *, logprobs: bool) -> Reply:
    """The JSON object with the likeliest level of each key, and its tokens."""
    tokens = [TokenChoice("{", 0.0, {"{": 0.0})]
    for name, chances in given.items():
        tokens.append(TokenChoice(f'"{name}": ', 0.0, {}))
        top = {str(level): math.log(share) for level, share in chances.items()}
        best = max(top, key=lambda level: top[level])
        tokens += [TokenChoice(best, top[best], top), TokenChoice(", ", 0.0, {})]
    tokens[-1] = TokenChoice("}", 0.0, {})
    text = "".join(token.token for token in tokens)
    return Reply(text, logprobs=tuple(tokens) if logprobs else (), model="judge")


SURE = {3: 0.06, 4: 0.9, 5: 0.04}
UNSURE = {3: 0.6, 4: 0.3, 5: 0.1}


@pytest.mark.parametrize("read", ["auto", "text"])
def test_a_judge_that_is_sure_of_the_level_keeps_the_row_however_it_is_read(
    server: OddServer, tmp_path: Path, read: str
) -> None:
    """The expectation of the sure one is 3.98. As a comparison with a mean, `>= 4` would drop it."""
    grades = {"sure": {"score": SURE}, "doubtful": {"score": UNSURE}}
    recipe = judged_by(server, tmp_path, grades, {"keep": ">= 4", "score_from": read})
    assert run(recipe).error is None
    (kept,) = rows(recipe, status="kept")
    (dropped,) = rows(recipe, status="dropped")
    assert said(kept)[-1] == "Answer sure."
    if read == "text":
        assert (kept["scores"], "levels" in kept["history"][-1]) == ({"quality": 4.0}, False)
        assert dropped["detail"] == "P(quality >= 4) = 0.00, score 3.00"
        return
    assert kept["scores"] == {"quality": 3.98}
    assert kept["history"][-1]["levels"] == {"3": 0.06, "4": 0.9, "5": 0.04}
    assert (kept["history"][-1]["chance"], kept["history"][-1]["key"]) == (0.94, "quality")
    assert (dropped["reason"], dropped["detail"]) == ("low_score", "P(quality >= 4) = 0.40, score 3.50")


@pytest.mark.parametrize(
    ("bar", "kept"),
    [
        (">= 4", {3, 4, 5}),
        ("> 3", {3, 4, 5}),
        ("> 4", {5}),
        (">= 4.5", {5}),
        (4, {3, 4, 5}),
        ("<= 2", {1}),
        ("< 3", {1}),
        ("<= 3.9", {1, 2}),
    ],
)
def test_every_comparison_is_about_the_probability_of_its_levels(bar: object, kept: set[int]) -> None:
    judges: dict[int, Chances] = {
        1: {1: 0.4, 2: 0.2, 5: 0.4},
        2: {3: 0.51, 4: 0.49},
        3: {3: 0.5, 4: 0.5},
        4: {4: 0.95, 5: 0.05},
        5: {3: 0.1, 4: 0.4, 5: 0.5},
    }
    parsed = Bar.parse(bar)
    reached = {n for n, c in judges.items() if sum(p for level, p in c.items() if parsed.holds(level)) >= 0.5}
    # The third one is as likely below the bar as above it.
    assert reached - {3} == kept - {3}


def test_a_bar_that_no_level_reaches_is_an_error(tmp_path: Path) -> None:
    seeds(tmp_path)
    for listwise in (False, True):
        recipe = desk(tmp_path, [{"score": {"keep": "> 5", "listwise": listwise}}], [], sources=SEEDS)
        with pytest.raises(PromptError, match="no level of the rubric"):
            run(recipe)


RUBRICS = {"rubrics": ["correct", "complete", "tone"]}
FINE = {"correct": {5: 0.9, 4: 0.1}, "complete": {4: 0.7, 5: 0.3}, "tone": {4: 0.6, 3: 0.4}}
RUDE = {**FINE, "tone": {1: 0.2, 2: 0.8}}


def test_several_rubrics_are_one_request_with_a_score_each(server: OddServer, tmp_path: Path) -> None:
    recipe = judged_by(server, tmp_path, {"fine": FINE, "rude": RUDE}, {**RUBRICS, "keep": ">= 4"})
    assert run(recipe).error is None
    (kept,) = rows(recipe, status="kept")
    (dropped,) = rows(recipe, status="dropped")
    assert kept["scores"] == {"correct": 4.9, "complete": 4.3, "tone": 3.6}
    assert dropped["detail"] == "P(tone >= 4) = 0.00, score 1.80"
    events = kept["history"][-3:]
    assert [(event["key"], event["prompt"]) for event in events] == [
        ("correct", "score/correct@1"),
        ("complete", "score/complete@1"),
        ("tone", "score/tone@1"),
    ]
    assert events[2]["levels"] == {"3": 0.4, "4": 0.6}
    assert len({event["request"] for event in events}) == 1
    # A probe, and one request for each row.
    assert len(server.asked) == 3


def test_each_rubric_can_have_its_own_bar(server: OddServer, tmp_path: Path) -> None:
    score = {**RUBRICS, "keep": {"correct": ">= 5", "tone": "> 1"}}
    recipe = judged_by(server, tmp_path, {"fine": FINE, "rude": RUDE}, score)
    assert run(recipe).error is None
    assert len(rows(recipe, status="kept")) == 2
    events = rows(recipe, status="kept")[0]["history"][-3:]
    assert ["chance" in event for event in events] == [True, False, True]


def test_a_name_of_the_stage_comes_before_the_rubrics(server: OddServer, tmp_path: Path) -> None:
    recipe = judged_by(server, tmp_path, {"fine": FINE}, {**RUBRICS, "as": "second"})
    assert run(recipe).error is None
    (row,) = rows(recipe)
    assert list(row["scores"]) == ["second.correct", "second.complete", "second.tone"]


def test_one_rubric_that_only_describes_levels_is_asked_in_the_same_way(
    server: OddServer, tmp_path: Path
) -> None:
    grounded = {"good": {"grounded": {5: 0.9, 2: 0.1}}}
    recipe = judged_by(server, tmp_path, grounded, {"rubric": "grounded", "keep": ">= 4"})
    assert run(recipe).error is None
    (row,) = rows(recipe, status="kept")
    assert row["scores"] == {"grounded": 4.7}


def test_a_rubric_that_is_missing_in_a_reply_is_no_score(server: OddServer, tmp_path: Path) -> None:
    recipe = judged_by(server, tmp_path, {"fine": {"correct": SURE}}, {**RUBRICS, "score_from": "text"})
    assert run(recipe).error is None
    (row,) = rows(recipe)
    assert (row["reason"], "no complete from 1 to 5" in row["detail"]) == ("no_score", True)
    assert len(server.asked) == 3


OWN = """---
name: own
version: 1
inputs: [%s]
output: {type: object, properties: {score: {type: integer, minimum: 0, maximum: 1}}, required: [score]}
source: mine
---
%s
"""


def test_a_rubric_of_one_s_own_beside_a_packaged_one(tmp_path: Path) -> None:
    seeds(tmp_path)
    (tmp_path / "short.md").write_text(OWN % ("", "Is it short?\n0: no\n1: yes"))
    stage = {"score": {"rubrics": ["correct", "short.md"], "keep": {"short": ">= 1"}}}
    recipe = desk(tmp_path, [stage], [], [{"match": "", "text": {"correct": 5, "short": 0}}], sources=SEEDS)
    assert run(recipe).error is None
    assert [row["scores"] for row in synth.open(recipe)] == [{"correct": 5.0, "short": 0.0}] * 6
    prompt = requests(recipe)[-1]["messages"][0]["content"]
    assert "\nshort: Is it short?\n0: no\n1: yes\n" in prompt


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rubrics": ["correct", "quality"]}, "only describes levels"),
        ({"rubrics": ["correct", "correct"]}, "the same name"),
        ({"rubrics": []}, "at least 1 item"),
        ({"rubrics": ["correct"], "rubric": "tone"}, "not both"),
        ({"rubrics": ["correct"], "listwise": True}, "on one rubric"),
        ({"rubrics": ["correct"], "keep": {"tone": ">= 4"}}, "keep has a bar for 'tone'"),
        ({"rubrics": ["correct"], "keep": {"correct": "good"}}, "must be a comparison"),
        ({"keep": "good"}, "must be a comparison"),
    ],
)
def test_what_is_no_set_of_rubrics(tmp_path: Path, options: Json, words: str) -> None:
    seeds(tmp_path)
    with pytest.raises((PromptError, RecipeError), match=words):
        run(desk(tmp_path, [{"score": options}], [], sources=SEEDS))


def asked_about(recipe: Path, answer: str) -> list[str]:
    """The judge's prompts about this answer, without the probe."""
    texts = [request["messages"][-1]["content"] for request in requests(recipe)]
    return [text for text in texts if f"<answer>\n{answer}" in text]


def test_the_judge_sees_the_nearest_seeds_and_never_the_row_or_its_answer(tmp_path: Path) -> None:
    lines = [
        ("How do I clean the red lathe?", "Use oil."),
        ("How do I clean the green lathe?", "Use soap."),
        ("How do I polish the red lathe?", "Use wax."),
        ("When is the canteen open on Monday?", "At noon."),
        ("How do I clean the blue lathe?", "Use oil."),
    ]
    texts = [json.dumps({"instruction": q, "response": a}) for q, a in lines]
    (tmp_path / "seeds.jsonl").write_text("\n".join(texts))
    run(recipe := desk(tmp_path, ["score"], [], sources=SEEDS))
    (prompt, other) = asked_about(recipe, "Use oil.")
    examples = re.findall(r"<example>\n(.*?)\n</example>", prompt, re.DOTALL)
    assert sorted(examples) == [
        "User: How do I clean the green lathe?\n\nAssistant: Use soap.",
        "User: How do I polish the red lathe?\n\nAssistant: Use wax.",
    ]
    assert "canteen" not in other


def test_no_judge_sees_a_held_out_row(tmp_path: Path) -> None:
    seeds(tmp_path, 12)
    recipe = desk(tmp_path, [{"generate": {"count": 6}}, "score"], [], sources=SEEDS, holdout={"rows": 5})
    run(recipe)
    held = [row for row in synth.open(recipe) if row["lineage"]["origin"] == "holdout"]
    prompts = "\n".join(request["messages"][-1]["content"] for request in requests(recipe))
    assert len(held) == 5
    assert "<example>" in prompts
    assert not any(said(row)[0] in prompts or said(row)[1] in prompts for row in held)


def test_the_judge_sees_the_passage_that_an_answer_comes_from(tmp_path: Path) -> None:
    documents(tmp_path, 1)
    question, quote = "How hot is kiln 0 in step 3?", "degrees in step 3"
    quoted = {"kind": "fact", "quote": f"103 {quote}"}
    pair = {"question": question, "answer": "The heat is high.", **quoted}
    stages = [{"backtranslate": {"mode": "questions", "count": 1}}, "score"]
    script = [{"match": "You write questions", "text": {"pairs": [pair]}}]
    recipe = desk(tmp_path, stages, script, [], sources={"documents": "docs/*.md"})
    run(recipe)
    (prompt,) = asked_about(recipe, "The heat is high.")
    (source,) = re.findall(r"<source>\n(.*?)\n</source>", prompt, re.DOTALL)
    assert "degrees in step 3" in source
    # The quote is a part of the passage, so it is not shown again.
    assert prompt.count("<source>") == 1


def test_candidates_of_a_row_from_people_are_compared_with_its_answer(tmp_path: Path) -> None:
    seeds(tmp_path, 1)
    stages: list[Any] = [{"respond": {"n": 2}}, "score"]
    script = [{"match": "clean machine", "replies": ["Rinse it.", "Burn it."]}]
    recipe = desk(tmp_path, stages, script, [], sources=SEEDS)
    run(recipe)
    references = {
        answer: "<reference>\nWipe it 0.\n</reference>" in prompt
        for answer in ("Wipe it 0.", "Rinse it.", "Burn it.")
        for prompt in asked_about(recipe, answer)
    }
    assert references == {"Wipe it 0.": False, "Rinse it.": True, "Burn it.": True}


def test_a_rubric_gets_only_the_inputs_that_it_declares(tmp_path: Path) -> None:
    seeds(tmp_path)
    (tmp_path / "plain.md").write_text(OWN % ("response", "Short? {{ response }}"))
    run(recipe := desk(tmp_path, [{"score": {"rubric": "plain.md"}}], [], sources=SEEDS))
    assert {r["messages"][0]["content"] for r in requests(recipe)} >= {"Short? Wipe it 1."}


@pytest.mark.parametrize(("keep", "effect"), [(None, "mark rows and drop none"), (">= 4", "drops rows")])
def test_a_writer_that_judges_itself_marks_unless_keep_is_set(
    tmp_path: Path, keep: str | None, effect: str
) -> None:
    seeds(tmp_path)
    script = [{"match": "You grade", "text": {"score": 1}}]
    stages = [{"generate": {"count": 4}}, {"score": {"keep": keep} if keep else {}}]
    recipe = desk(tmp_path, stages, script, sources=SEEDS)
    progress = Progress()
    run_with_result(recipe, progress=progress)
    assert len(rows(recipe, status="kept")) == (0 if keep else 4)
    assert any("judges its own drafts" in text and effect in text for text in progress.messages)


def test_the_default_bar_of_backtranslate_is_for_a_judge_of_its_own(tmp_path: Path) -> None:
    documents(tmp_path)
    weak = {"reasoning": "Weak.", "score": 2}
    rules = [
        {"match": "candidate answer", "text": weak},
        {"match": "Two writers", "text": {"agree": True}},
    ]
    draft = [
        {"match": "Write the request that", "text": "How many degrees does the machine have in each step?"}
    ]

    def scores(judge: list[Json] | None, **options: object) -> list[Json]:
        folder = tmp_path / f"{judge is None}{len(options)}"
        sources = {"documents": "docs/*.md"}
        recipe = desk(tmp_path, [{"backtranslate": options}], [*rules, *draft], judge, sources=sources)
        run(recipe, out=folder)
        return [row["scores"] for row in synth.open(folder).rows(status="kept")]

    assert scores(None) == [{"curation": 2.0}] * 3
    assert scores(None, keep=4.5) == []
    assert scores(rules) == []


def test_the_judge_sees_the_passages_that_a_draft_was_written_from(tmp_path: Path) -> None:
    seeds(tmp_path)
    documents(tmp_path)
    stages = [{"generate": {"count": 3, "context": "documents"}}, "score"]
    sources = {"documents": "docs/*.md", **SEEDS}
    draft = {"instruction": "How does the loom start in the morning?", "response": "By hand, without heat."}
    script = [{"match": "loom|kiln|lathe", "text": draft}]
    run(recipe := desk(tmp_path, stages, script, [], sources=sources))
    prompts = asked_about(recipe, draft["response"])
    assert prompts
    assert all(re.search(r"<source>\n.*degrees in step.*</source>", text, re.DOTALL) for text in prompts)


def test_options_can_be_read_from_what_a_run_folder_stores() -> None:
    for given in (
        {"rubrics": ["correct", "tone"], "keep": {"tone": ">= 3"}},
        {"listwise": True},
        {"keep": 4},
    ):
        options = ScoreOptions.model_validate(given)
        assert ScoreOptions.model_validate(options.model_dump(mode="json", by_alias=True)) == options
