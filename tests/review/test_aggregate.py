"""The rules by which several answers become one decision."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.llm.base import Json
from synth.review.aggregate import Decision, aggregate
from synth.row import Lineage, Row
from synth.store import Answer, ShownRow
from tests.made_row import made_row

CANDIDATES = ("alpha", "beta", "gamma")


def draft(status: str = "kept", labels: Json | None = None) -> Row:
    messages = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "the draft"}]
    row = made_row("r", messages, Lineage("seed", stage="generate"), labels=labels or {})
    return row.dropped("score", "low_score") if status == "dropped" else row.kept()


def shown(needed: int = 1, status: str = "kept", place: str = "p", labels: Json | None = None) -> ShownRow:
    return ShownRow(place, "r", "random", needed, draft(status, labels), CANDIDATES)


def said(
    by: str, status: Any = "submitted", place: str = "p", at: str = "2026-01-01", **values: Any
) -> Answer:
    return Answer(place, "r", by, at, status, values)


def decided(*answers: Answer, **how: Any) -> Decision:
    return aggregate([shown(**how)], answers)


def test_nobody_has_answered() -> None:
    assert decided(needed=2).status == "pending"
    assert decided(needed=2).waiting == 2
    assert decided(said("ann", "draft", response="half a sent")).status == "pending"


@pytest.mark.parametrize("text", ["the draft", "the draft\n", " the draft", "the draft\r\n"])
def test_a_draft_that_was_left_as_it_is_is_accepted(text: str) -> None:
    decision = decided(said("ann", response=text))
    assert (decision.status, decision.answer) == ("accepted", None)


def test_a_text_takes_the_place_of_the_draft_to_the_letter() -> None:
    decision = decided(said("ann", response="  indented\n"))
    assert (decision.status, decision.answer) == ("edited", "  indented\n")


def test_a_dropped_row_is_restored() -> None:
    assert decided(said("ann", response="the draft"), status="dropped").status == "restored"
    assert decided(said("ann", "discarded"), status="dropped").status == "rejected"


def test_the_majority_keeps_or_rejects() -> None:
    no = said("ann", "discarded", reasons=["wrong", "form"], comment="Not so.")
    also_no = said("bob", "discarded", reasons=["wrong"])
    yes = said("eve", response="the draft")
    decision = decided(no, also_no, yes, needed=3)
    assert (decision.status, decision.by) == ("rejected", ("ann", "bob"))
    assert decision.reasons == ("wrong", "form")
    assert decision.comments == ("ann: Not so.",)
    assert decided(no, yes, needed=2).status == "conflict"
    assert decided(no, yes, said("dan", response="the draft"), needed=3).status == "accepted"


def test_texts_that_differ_are_a_conflict() -> None:
    one, two = said("ann", response="one"), said("bob", response="two")
    assert decided(one, two, needed=2).status == "conflict"
    assert decided(one, said("bob", response="the draft"), needed=2).status == "conflict"
    assert decided(one, said("bob", response="one \n"), needed=2).answer == "one"
    # A majority does not settle what to write.
    assert decided(one, two, said("eve", response="two"), needed=3).status == "conflict"


def test_an_answer_counts_before_the_others_are_there() -> None:
    decision = decided(said("ann", response="one"), needed=2)
    assert (decision.status, decision.waiting) == ("edited", 1)


def test_the_last_word_of_a_person_counts() -> None:
    first, last = (
        said("ann", response="one", at="2026-01-01"),
        said("ann", place="q", response="two", at="2026-01-02"),
    )
    decision = aggregate([shown(), shown(place="q")], [last, first])
    assert decision.answer == "two"


def test_somebody_settles_it() -> None:
    answers = [
        said("ann", response="one"),
        said("bob", response="two"),
        said("eve", place="j", response="three"),
    ]
    decision = aggregate([shown(2), shown(place="j")], answers, adjudicating={"j"})
    assert (decision.status, decision.answer, decision.by) == ("edited", "three", ("eve",))
    assert decision.adjudicated
    answers.append(said("eve", "discarded", place="j", at="2026-01-02"))
    assert aggregate([shown(2), shown(place="j")], answers, adjudicating={"j"}).status == "rejected"


def test_choices_go_by_votes_and_make_pairs() -> None:
    decision = decided(said("ann", choice="b"), said("bob", choice="b"), said("eve", choice="a"), needed=3)
    assert (decision.status, decision.answer) == ("edited", "beta")
    assert decision.losers == ("alpha", "gamma")
    assert decided(said("ann", choice="a"), said("bob", choice="b"), needed=2).status == "conflict"


def test_a_ranking_that_agrees_with_the_choice_orders_the_losers() -> None:
    ranking = [{"value": "b", "rank": 1}, {"value": "c", "rank": 2}, {"value": "a", "rank": 3}]
    assert decided(said("ann", choice="b", ranking=ranking)).losers == ("gamma", "alpha")
    assert decided(said("ann", choice="a", ranking=ranking)).losers == ("beta", "gamma")


def test_equal_and_none() -> None:
    equal = decided(said("ann", choice="equal"))
    assert (equal.status, equal.answer, equal.losers) == ("accepted", None, ())
    nothing = decided(said("ann", choice="none"))
    assert (nothing.status, nothing.reasons) == ("rejected", ("none_is_good",))
    better = decided(said("ann", choice="none", better="omega"), said("bob", choice="a"), needed=2)
    assert (better.status, better.answer, better.losers) == ("edited", "omega", CANDIDATES)


def test_a_letter_that_was_not_shown_chooses_nothing() -> None:
    assert decided(said("ann", choice="d")).status == "accepted"


def test_classes_go_by_votes() -> None:
    votes = [said("ann", label="b"), said("bob", label="b"), said("eve", label="a")]
    decision = decided(*votes, needed=3, labels={"topic": "a"})
    assert (decision.status, decision.label, decision.answer) == ("edited", "b", None)
    assert decided(*votes[1:], needed=2, labels={"topic": "a"}).status == "conflict"
    # Where the answer is the class, it is the answer that changes.
    assert decided(*votes, needed=3).answer == "b"


def test_a_question_can_be_put_better_too() -> None:
    decision = decided(said("ann", instruction="Why not?", response="the draft"))
    assert (decision.status, decision.prompt, decision.answer) == ("edited", "Why not?", None)
    differ = decided(said("ann", instruction="Why not?"), said("bob", instruction="Why?"), needed=2)
    assert differ.status == "conflict"


ANSWERS = st.lists(
    st.builds(
        lambda by, status, text: said(by, status, response=text),
        st.sampled_from(["ann", "bob", "eve"]),
        st.sampled_from(["submitted", "discarded", "draft"]),
        st.sampled_from(["the draft", "one", "two"]),
    ),
    max_size=3,
    unique_by=lambda answer: answer.by,
)


@given(ANSWERS)
def test_the_order_of_answers_changes_nothing(answers: list[Answer]) -> None:
    first = aggregate([shown(3)], answers)
    for order in permutations(answers):
        assert aggregate([shown(3)], order) == first


@given(ANSWERS)
def test_nobodys_words_are_lost(answers: list[Answer]) -> None:
    decision = aggregate([shown(3)], answers)
    given_by = {answer.by for answer in answers if answer.status != "draft"}
    assert set(decision.answers) == given_by
    assert decision.waiting == 3 - len(given_by)
