"""Requests with the same meaning are found, and requests that differ in a detail are told apart."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from synth.stages.dedupe.options import MEANING_THRESHOLD
from synth.text.similarity.meaning_index import MeaningIndex

CHECKLIST = Path(os.environ.get("SYNTH_DATA", "")) / "checklist_qqp.jsonl"
SELF_INSTRUCT = Path(os.environ.get("SYNTH_DATA", "")) / "self_instruct_seeds.jsonl"
needs_data = pytest.mark.skipif(
    not os.environ.get("SYNTH_DATA") or not CHECKLIST.exists(),
    reason="SYNTH_DATA names no folder with checklist_qqp.jsonl",
)


def found(first: str, second: str) -> bool:
    index = MeaningIndex(MEANING_THRESHOLD)
    assert index.admit(first) is None
    return index.admit(second) is not None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("How do I cancel my subscription?", "How can I cancel the subscription?"),
        ("How do I cancel my subscription?", "how do i cancel my subscription"),
        ("Where can I find the invoices of last year?", "Where do I find last year's invoices?"),
        ("Wie kann ich mein Abo kündigen?", "Wie kann ich das Abo kündigen?"),
    ],
)
def test_the_same_in_other_words(first: str, second: str) -> None:
    assert found(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Please cancel the booking on Monday", "Please cancel the booking on Friday"),
        ("Show the highest price of all the books", "Show the lowest price of all the books"),
        ("Can I get 20 seats for the course?", "Can I get 30 seats for the course?"),
        ("Can I bring my dog to the hotel?", "Can I not bring my dog to the hotel?"),
        ("I cannot log in to Google any more", "I cannot log in to Outlook any more"),
        ("How do I add a user to my team?", "Where are my invoices of last year?"),
    ],
)
def test_another_meaning_in_nearly_the_same_words(first: str, second: str) -> None:
    assert not found(first, second)


def test_the_nearest_text_that_no_rule_tells_apart_is_named() -> None:
    index = MeaningIndex(MEANING_THRESHOLD)
    for day in ("Monday", "Tuesday", "Friday"):
        assert index.admit(f"How do I cancel my booking on {day}?") is None
    copy = index.admit("How can I cancel my booking on Tuesday?")
    assert copy is not None
    assert copy.position == 1
    assert copy.similarity >= MEANING_THRESHOLD
    assert not copy.exact
    exact = index.admit("how do i cancel my booking on friday")
    assert exact is not None
    assert (exact.position, exact.exact) == (2, True)
    assert len(index) == 3
    # A seed is added even if it is a copy.
    assert index.admit("How can I cancel my booking on Tuesday?", always=True) is not None
    assert len(index) == 4


def test_scripts_without_useful_vectors_are_compared_by_shingles() -> None:
    # Unlike sentences, whose vectors have a cosine of .9 and more.
    assert not found(
        "予約をキャンセルするにはどうすればいいですか", "請求書はどこで確認できますか、教えてください"
    )
    assert found(
        "予約をキャンセルするにはどうすればいいですか", "予約をキャンセルするにはどうすればいいですか?"
    )


def test_many_texts_are_kept() -> None:
    index = MeaningIndex(MEANING_THRESHOLD)
    for number in range(150):
        assert index.admit(f"How do I open door {number}?") is None
    copy = index.admit("How can I open door 140?")
    assert copy is not None
    assert copy.position == 140


@needs_data
def test_on_pairs_that_nobody_here_wrote() -> None:
    """The figures of docs/dedupe.md."""
    pairs = [json.loads(line) for line in CHECKLIST.read_text().splitlines()]
    dropped = {True: 0, False: 0}
    for pair in pairs:
        dropped[pair["same"]] += found(pair["first"], pair["second"])
    assert dropped[True] / 270 >= 0.59
    assert dropped[False] / 270 <= 0.12
    tasks = [json.loads(line)["instruction"] for line in SELF_INSTRUCT.read_text().splitlines()]
    index = MeaningIndex(MEANING_THRESHOLD)
    assert [task for task in tasks if index.admit(task) is not None] == []
