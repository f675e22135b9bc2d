"""The rows of examples/finetune: no sentence twice, labels in balance, and the tone does not decide."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from rapidfuzz import fuzz

from benchmarks.spoiling import Draft
from benchmarks.spoilt_data import EXAMPLE, drafts_of
from synth.text.similarity.near_duplicates import NearDuplicateIndex

SEEDS, HOLDOUT = drafts_of(EXAMPLE / "seeds.jsonl"), drafts_of(EXAMPLE / "holdout.jsonl")
MESSAGES = [row.message for row in (*SEEDS, *HOLDOUT)]

# Capital letters, exclamation marks: somebody shouts.
SHOUT = re.compile(r"\b[A-Z]{3,}\b.*\b[A-Z]{4,}\b|!!")


def test_no_message_resembles_another_and_no_sentence_is_used_twice() -> None:
    seen = NearDuplicateIndex()
    for message in MESSAGES:
        assert not seen.seen(message), message
        seen.add(message)
    for number, message in enumerate(MESSAGES):
        assert max(fuzz.ratio(message, other) for other in MESSAGES[:number] or [""]) < 60, message
    sentences = Counter(
        sentence for message in MESSAGES for sentence in set(re.split(r"(?<=[.?!])\s", message.lower()))
    )
    assert not [sentence for sentence, count in sentences.items() if count > 1]


@pytest.mark.parametrize(("rows", "each"), [(SEEDS, 15), (HOLDOUT, 12)])
def test_each_of_the_ten_labels_is_there_equally_often(rows: list[Draft], each: int) -> None:
    counts = Counter(row.answer for row in rows)
    assert len(counts) == 10
    assert set(counts.values()) == {each}


@pytest.mark.parametrize("rows", [SEEDS, HOLDOUT])
def test_those_who_shout_are_as_often_right_to_as_not(rows: list[Draft]) -> None:
    shouted = [row.answer for row in rows if SHOUT.search(row.message)]
    today = sum(answer.endswith("/today") for answer in shouted)
    assert len(shouted) >= 10
    assert 0.35 <= today / len(shouted) <= 0.65
