"""The planted defects are as described, and the judge's examples have none of them."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from rapidfuzz import fuzz

from benchmarks.spoiling import DEFECTS, Draft, is_label, judge_rows, spoil
from benchmarks.spoilt_data import EXAMPLE, SPOILT, TRUSTED, drafts_of
from synth.text.similarity.near_duplicates import NearDuplicateIndex

ROWS = drafts_of(EXAMPLE / "seeds.jsonl")
DRAFTS = ROWS[TRUSTED:]


@pytest.fixture(scope="module", params=[0, 1, 2])
def spoilt(request: pytest.FixtureRequest) -> list[Draft]:
    return spoil(DRAFTS, SPOILT, request.param)


def test_a_fifth_of_all_rows_is_spoilt_each_way_equally_often(spoilt: list[Draft]) -> None:
    counts = Counter(draft.defect for draft in spoilt)
    assert SPOILT / len(ROWS) == 0.2
    assert [counts[defect] for defect in DEFECTS] == [SPOILT // len(DEFECTS)] * len(DEFECTS)
    assert len(spoilt) == len(DRAFTS)
    for draft, original in zip(spoilt, DRAFTS, strict=True):
        assert (draft == original) is (draft.defect is None)


def test_each_defect_is_what_its_name_says(spoilt: list[Draft]) -> None:
    for draft, original in zip(spoilt, DRAFTS, strict=True):
        match draft.defect:
            case "wrong label":
                assert draft.message == original.message
                assert is_label(draft.answer)
                assert draft.answer != original.answer
            case "format" | "truncation":
                assert not is_label(draft.answer)
            case "white space":
                assert draft.answer != original.answer
                assert draft.answer.strip() == original.answer
                assert draft.message.split() == original.message.split()


def test_a_planted_duplicate_is_a_near_copy_of_a_row_that_is_still_there(spoilt: list[Draft]) -> None:
    known = {draft.message: draft.answer for draft in spoilt if draft.defect != "duplicate"}
    for draft in spoilt:
        if draft.defect == "duplicate":
            assert draft.message not in known
            # Not by what `dedupe` goes by: the experiment is to show what it misses.
            nearest = max(known, key=lambda message: fuzz.ratio(message, draft.message))
            assert fuzz.ratio(nearest, draft.message) > 85, draft
            assert known[nearest] == draft.answer


def test_messages_stay_distinct_since_the_recipe_finds_answers_by_them(spoilt: list[Draft]) -> None:
    assert len({draft.message for draft in spoilt}) == len(spoilt)


def test_a_judge_learns_from_trusted_rows_and_from_labels_alone() -> None:
    trusted = ROWS[:TRUSTED]
    answers = {row.message: row.answer for row in trusted}
    rows = judge_rows(trusted, seed=1)
    assert Counter(score for _, _, score in rows) == {"5": 2 * TRUSTED, "1": 2 * TRUSTED}
    for message, answer, score in rows:
        assert is_label(answer)
        assert (answers[message] == answer) is (score == "5")


def test_the_holdout_shares_no_message_with_train_and_every_label_is_in_both() -> None:
    holdout = drafts_of(EXAMPLE / "holdout.jsonl")
    assert not {row.message for row in ROWS} & {row.message for row in holdout}
    assert {row.answer for row in ROWS} == {row.answer for row in holdout}
    assert all(is_label(row.answer) for row in (*ROWS, *holdout))


def test_the_general_rows_to_mix_in_are_not_those_that_are_asked() -> None:
    read = [json.loads(line) for line in (EXAMPLE / "general.jsonl").read_text().splitlines()]
    asked = [json.loads(line) for line in (EXAMPLE / "general_test.jsonl").read_text().splitlines()]
    seen = NearDuplicateIndex()
    for row in read:
        seen.add(row["instruction"])
    assert not [row for row in asked if (copy := seen.seen(row["instruction"])) and copy.exact]
    assert len(asked) == 80
