"""`score` over all answers of a row in one prompt: orders, the position swap, and the pairs that follow."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest
from desks import desk, reasons, requests, rows, run, said, seeds

import synth
from synth.conversation import Conversation
from synth.errors import PromptError, RecipeError
from synth.exports.preferences import pairs_of
from synth.llm.base import Json
from synth.recipe.model import PairOptions
from synth.reports.position_bias import PositionBias
from synth.row import Candidate, Lineage, Row

PROMPTS = {"prompts": "prompts.jsonl"}
ANSWERS = ["Use oil.", "Grease it.", "No."]
FIRST = {"Use": 3, "Grease": 5, "No": 1}


def prompts(folder: Path, count: int = 1) -> None:
    lines = [json.dumps({"instruction": f"How do I oil machine {i}?"}) for i in range(count)]
    (folder / "prompts.jsonl").write_text("\n".join(lines))


def judge(scores: dict[str, int], favour: int = 0) -> list[Json]:
    """A rule for each order of three answers; what stands first gets `favour` points more or less."""
    rules = []
    for order in permutations(scores):
        given = [scores[word] for word in order]
        given[0] = max(1, given[0] + favour)
        match = '"1">\n{}.*"2">\n{}.*"3">\n{}'.format(*order)
        rules.append({"match": match, "text": {"scores": given}})
    return rules


def candidates(folder: Path, script: list[Json], rows_: int = 1, **options: object) -> Path:
    prompts(folder, rows_)
    stages = [{"respond": {"n": 3}}, {"score": {"listwise": True, **options}}]
    writer = [{"match": "oil machine", "replies": ANSWERS}]
    return desk(folder, stages, writer, script, sources=PROMPTS)


def judged(recipe: Path) -> list[Json]:
    return [r for r in requests(recipe) if "You grade several answers" in r["messages"][0]["content"]]


def test_one_request_scores_all_answers_and_the_best_one_answers(tmp_path: Path) -> None:
    recipe = candidates(tmp_path, judge(FIRST), keep=">= 4")
    assert run(recipe).error is None
    (row,) = rows(recipe, status="kept")
    assert [c["score"] for c in row["candidates"]] == [3, 5, 1]
    assert said(row)[-1] == "Grease it."
    assert row["scores"] == {"quality_together": 5}
    assert len(judged(recipe)) == 1
    event = next(e for e in row["history"] if e["did"] == ["scored_together"])
    assert event["by_order"] == [[3, 5, 1]]
    exported = synth.export(recipe, format="trl-dpo").folder
    texts = [(exported / name).read_text() for name in ("train.jsonl", "test.jsonl")]
    (line,) = [json.loads(line) for text in texts for line in text.splitlines()]
    assert (line["chosen"][0]["content"], line["rejected"][0]["content"]) == ("Grease it.", "No.")


def test_the_order_is_a_row_s_own(tmp_path: Path) -> None:
    recipe = candidates(tmp_path, judge(FIRST), rows_=24)
    run(recipe)
    firsts = [r["messages"][1]["content"].partition('"1">\n')[2][:3] for r in judged(recipe)]
    assert all(firsts.count(answer[:3]) > 2 for answer in ANSWERS)


def test_what_stands_first_wins_nothing_where_both_orders_are_asked(tmp_path: Path) -> None:
    """A judge that likes whatever is first: without the swap it decides, with it all are level."""
    even = {"Use": 3, "Grease": 3, "No": 3}
    recipe = candidates(tmp_path, judge(even, favour=2), rows_=6, swap=True)
    result = run(recipe)
    for row in rows(recipe, status="kept"):
        assert sorted(c["score"] for c in row["candidates"]) == [3, 4, 4]
        assert said(row)[-1] == ANSWERS[0]
        assert pairs_of(Row.from_json(row), PairOptions(per_prompt="all")) == []
    assert len(judged(recipe)) == 12
    # Of three answers, the outer two flip; the middle one is beaten once by each and level once.
    swapped = result.summary["stages"]["score"]["position_swap"]
    assert swapped == {"pairs": 18, "agree": 0, "flipped": 6, "flip_rate": 0.3333}


def test_what_is_better_in_both_orders_wins(tmp_path: Path) -> None:
    recipe = candidates(tmp_path, judge(FIRST, favour=-1), rows_=4, swap=True)
    result = run(recipe)
    for row in rows(recipe, status="kept"):
        assert said(row)[-1] == "Grease it."
        pairs = pairs_of(Row.from_json(row), PairOptions(per_prompt="all"))
        assert (pairs[0].chosen, pairs[0].rejected) == ("Grease it.", "No.")
        assert len(pairs) == 3
    assert result.summary["stages"]["score"]["position_swap"] == {
        "pairs": 12,
        "agree": 12,
        "flipped": 0,
        "flip_rate": 0.0,
    }


def test_a_higher_mean_alone_is_no_win() -> None:
    def pairs(*by_order: float) -> list[tuple[str, float | None]]:
        two = (Candidate("a", score=3.5, by_order=by_order), Candidate("b", score=3, by_order=(3, 3)))
        row = Row("r", Conversation(), Lineage("prompt"), candidates=two)
        return [(pair.chosen, pair.margin) for pair in pairs_of(row, PairOptions())]

    assert pairs(5, 2) == []
    assert pairs(4, 3.5) == [("a", 0.5)]


def test_pairs_that_flip_agree_or_are_open() -> None:
    swaps = PositionBias()
    swaps.add([5, 3, 3, 1], [2, 3, 3, 4])
    # 1-2, 1-3, 1-4, 2-4 and 3-4 flip; 2-3 is level twice.
    assert (swaps.pairs, swaps.agree, swaps.flipped) == (6, 1, 5)
    swaps.add([4, 3], [3, 3])
    assert (swaps.pairs, swaps.agree, swaps.flipped) == (7, 1, 5)
    assert "of 7 pairs" in swaps.words("score")


def test_what_people_found_worse_is_not_shown_and_one_answer_is_scored_alone(tmp_path: Path) -> None:
    (tmp_path / "seeds.jsonl").write_text(
        json.dumps({"prompt": "How do I oil it?", "chosen": "Use oil.", "rejected": "Use water."}) + "\n"
    )
    script = [{"match": '"1">\nUse oil', "text": {"scores": [4]}}]
    stage = {"score": {"listwise": True, "swap": True}}
    recipe = desk(tmp_path, [stage], [], script, sources={"seeds": "seeds.jsonl"})
    run(recipe)
    (row,) = list(synth.open(recipe))
    assert row["scores"] == {"quality_together": 4}
    assert "score" not in row["candidates"][0]
    (request,) = judged(recipe)
    assert "water" not in request["messages"][1]["content"]


def test_a_list_of_another_length_is_asked_for_again_and_then_no_score(tmp_path: Path) -> None:
    script = [
        {"match": "machine 0.*number=.3", "replies": [{"scores": [5]}, {"scores": [5, 5, 5]}]},
        {"match": "machine 1.*number=.3", "text": {"scores": [5, 9, 5]}},
    ]
    recipe = candidates(tmp_path, script, rows_=2)
    run(recipe)
    assert len(rows(recipe, status="kept")) == 1
    assert reasons(recipe) == {"no_score": 1}
    assert len(judged(recipe)) == 2 + 3


def test_what_goes_wrong_does_not_depend_on_which_order_answers_first(tmp_path: Path) -> None:
    """Each order fails in words of its own; the row tells those of the first one."""
    script = [{"match": f'"1">\n{word}', "text": f"I like {word}."} for word in FIRST]
    recipe = candidates(tmp_path, script, rows_=6, swap=True, attempts=1)
    details = []
    for n, delay in enumerate((0, 0.004)):
        run(recipe, f"models.judge.delay={delay}", out=tmp_path / str(n))
        dropped = list(synth.open(tmp_path / str(n)).rows(status="dropped"))
        details.append([row["detail"] for row in dropped])
    assert len(details[0]) == 6
    assert details[0] == details[1]


def test_another_candidate_leaves_the_order_of_the_others(tmp_path: Path) -> None:
    recipe = candidates(tmp_path, [], rows_=8)
    writer = [{"match": "oil machine", "replies": [*ANSWERS, "Why?"]}]
    (tmp_path / "script.jsonl").write_text(json.dumps(writer[0]))
    orders = []
    for n in (3, 4):
        run(recipe, f"stages.respond.n={n}", out=tmp_path / str(n))
        receipts = synth.open(tmp_path / str(n)).rows()
        events = [e for row in receipts for e in row["history"] if e["did"] == ["scored_together"]]
        orders.append([[i for i in event["shown"][0] if i < 3] for event in events])
    assert orders[0] == orders[1]


def test_the_order_of_replies_changes_nothing(tmp_path: Path) -> None:
    recipe = candidates(tmp_path, [], rows_=10, swap=True)
    outs = [tmp_path / name for name in ("still", "shaken")]
    for out, delay in zip(outs, (0, 0.004), strict=True):
        run(recipe, f"models.writer.delay={delay}", f"models.judge.delay={delay}", out=out)
    still, shaken = (synth.export(out, format="trl-sft").folder / "receipts.jsonl" for out in outs)
    assert still.read_bytes() == shaken.read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"swap": True}, "swap goes with `listwise: true`"),
        ({"listwise": True, "score_from": "logprobs"}, "read as they are written"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, options: Json, words: str) -> None:
    seeds(tmp_path)
    with pytest.raises(RecipeError, match=words):
        run(desk(tmp_path, [{"score": options}], [], sources={"seeds": "seeds.jsonl"}))


def test_a_rubric_for_one_answer_is_none_for_several(tmp_path: Path) -> None:
    seeds(tmp_path)
    stage = {"score": {"listwise": True, "rubric": "quality"}}
    with pytest.raises(PromptError, match="uses `response`"):
        run(desk(tmp_path, [stage], [], sources={"seeds": "seeds.jsonl"}))
    (tmp_path / "own.md").write_text(
        "---\nname: own\nversion: 1\ninputs: [responses]\nsource: mine\n"
        "output: {type: object, properties: {scores: {type: array}}}\n---\n{{ responses }}\n"
    )
    stage = {"score": {"listwise": True, "rubric": "own.md"}}
    with pytest.raises(PromptError, match="needs a required `scores`"):
        run(desk(tmp_path, [stage], [], sources={"seeds": "seeds.jsonl"}))
