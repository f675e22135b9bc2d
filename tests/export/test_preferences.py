"""The sources of pairs and labels: people first, then judges; never two equal answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from export_runs import chat, draft, make_run, read_lines, seed
from hypothesis import given
from hypothesis import strategies as st

from synth.errors import ExportError
from synth.exports import export_run
from synth.exports.preferences import pairs_of
from synth.recipe.model import PairOptions
from synth.row import Review, Row

NONE: dict[str, Any] = {"status": "none"}


def row_with(answer: str, candidates: list[dict[str, Any]], review: dict[str, Any] = NONE) -> Row:
    return draft(chat("Why?", answer), candidates=candidates, review=Review.from_json(review))


def scored(**scores: float) -> list[dict[str, Any]]:
    return [{"content": text, "model": "m", "score": score} for text, score in scores.items()]


def test_one_pair_a_prompt_is_the_widest() -> None:
    row = row_with("b", scored(a=2.0, b=4.5, c=3.0))
    assert [(p.chosen, p.rejected, p.margin) for p in pairs_of(row, PairOptions())] == [("b", "a", 2.5)]


def test_all_pairs_with_enough_between_them() -> None:
    row = row_with("b", scored(a=2.0, b=4.5, c=3.0))
    pairs = pairs_of(row, PairOptions(per_prompt="all", margin=1.5))
    assert [(p.chosen, p.rejected) for p in pairs] == [("b", "a"), ("b", "c")]


def test_an_edit_comes_first_and_nothing_is_chosen_over_a_persons_answer() -> None:
    review = {"status": "edited", "before": "the draft"}
    row = row_with("the edit", scored(x=5.0, y=1.0), review)
    pairs = pairs_of(row, PairOptions(per_prompt="all"))
    assert [(p.chosen, p.rejected, p.source) for p in pairs] == [("the edit", "the draft", "edit")]


def test_a_choice_is_over_what_was_shown_beside_it() -> None:
    review = {"status": "edited", "before": "x", "losers": ["x", "y"]}
    row = row_with("the best", scored(x=5.0, y=1.0), review)
    pairs = pairs_of(row, PairOptions(per_prompt="all"))
    assert [(p.chosen, p.rejected, p.source) for p in pairs] == [
        ("the best", "x", "choice"),
        ("the best", "y", "choice"),
    ]


def test_an_edit_of_a_row_that_was_brought_back_is_a_pair_too() -> None:
    row = row_with("the edit", [], {"status": "restored", "before": "the draft"})
    assert [(p.chosen, p.rejected, p.source) for p in pairs_of(row, PairOptions())] == [
        ("the edit", "the draft", "edit")
    ]


def test_a_failure_is_the_rejected_answer() -> None:
    row = row_with("right", [{"content": "wrong", "model": "old", "score": None, "source": "failure"}])
    assert [(p.chosen, p.rejected, p.source) for p in pairs_of(row, PairOptions())] == [
        ("right", "wrong", "failure")
    ]


def test_a_seed_that_came_as_a_pair_leaves_as_one(tmp_path: Path) -> None:
    row = seed(chat("Why?", "right"), candidates=[{"content": "wrong", "source": "rejected"}])
    result = export_run(make_run(tmp_path / "run", [row]), format="trl-dpo")
    assert read_lines(result.folder / "train.jsonl")[0]["rejected"][0]["content"] == "wrong"
    assert "| rejected | 1 | a seed's answer" in (result.folder / "README.md").read_text()


def test_pairs_of_very_different_lengths_can_be_left_out() -> None:
    row = row_with("x", scored(**{"short": 1.0, "a very long answer indeed": 5.0, "shorts": 4.0}))
    chosen = [p.chosen for p in pairs_of(row, PairOptions(length_ratio=1.5))]
    assert chosen == ["shorts"]


@pytest.mark.parametrize(("chosen", "pairs"), [("6 word", 1), ("7 words", 0)])
def test_a_pair_may_differ_in_length_by_the_ratio_and_no_more(chosen: str, pairs: int) -> None:
    row = row_with("x", scored(**{"four": 1.0, chosen: 5.0}))
    assert len(pairs_of(row, PairOptions(length_ratio=1.5))) == pairs


@given(
    st.lists(st.tuples(st.text("ab ", max_size=4), st.none() | st.floats(1, 5)), max_size=6),
    st.floats(0.1, 3),
    st.sampled_from(["one", "all"]),
)
def test_pairs_always_differ_and_keep_the_margin(
    candidates: list[tuple[str, float | None]], margin: float, per_prompt: Any
) -> None:
    row = row_with("a", [{"content": text, "model": "m", "score": score} for text, score in candidates])
    for pair in pairs_of(row, PairOptions(margin=margin, per_prompt=per_prompt)):
        assert pair.chosen.strip() != pair.rejected.strip()
        assert pair.rejected.strip()
        assert pair.margin is not None
        assert pair.margin >= margin - 1e-6


def test_rows_without_two_answers_are_counted(tmp_path: Path) -> None:
    rows = [draft(chat("Why?", "b"), candidates=scored(a=1.0, b=4.0)), draft(chat("Who are you then?", "I."))]
    result = export_run(
        make_run(tmp_path / "run", rows, export={"split": {"train": 1, "test": 0}}), format="trl-dpo"
    )
    assert result.files["train"] == 1
    assert result.withheld == {"no_pair": 1}
    preference = read_lines(result.folder / "receipts.jsonl")[0]["preference"]
    assert preference == {"chosen": "b", "rejected": "a", "source": "judge", "margin": 3.0}
    assert "1.00 times as long" in (result.folder / "README.md").read_text()


def test_a_run_without_any_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no_pair: 1.*Preferences come from"):
        export_run(make_run(tmp_path / "run", [draft(chat("Why?", "b"))]), format="trl-dpo")


def test_kto_takes_what_people_accepted_and_what_they_rejected(tmp_path: Path) -> None:
    good, bad, unread = (
        draft(chat(f"{word}?", word)) for word in ("accepted one", "rejected two", "never three")
    )
    bad = bad.dropped("review", "rejected")
    reviews = {good.id: {"status": "accepted"}, bad.id: {"status": "rejected"}}
    run = make_run(
        tmp_path / "run", [good, bad, unread], reviews=reviews, export={"split": {"train": 1, "test": 0}}
    )
    result = export_run(run, format="trl-kto")
    labels = {r["completion"][0]["content"]: r["label"] for r in read_lines(result.folder / "train.jsonl")}
    assert labels == {"accepted one": True, "rejected two": False}
    assert result.withheld == {"no_judgement": 1}
