"""Diversity and nearness of texts, on texts whose figures are known."""

from __future__ import annotations

import pytest

from synth.text.repeats import repeated_run, shares_a_word
from synth.text.similarity import distinct, mean_nearest, similarity


def test_distinct_n() -> None:
    assert distinct(["a b a b", "a b"], 1) == pytest.approx(2 / 6)
    assert distinct(["a b a b", "a b"], 2) == pytest.approx(2 / 4)
    assert distinct([], 1) is None


def test_similarity_tells_rewordings_from_other_requests() -> None:
    request = "How do I cancel my yearly plan?"
    assert similarity(request, request) == pytest.approx(1, abs=1e-5)
    assert similarity(request, "What is the way to cancel a yearly plan?") > 0.6
    assert similarity(request, "Which tree grows fastest in the shade?") < 0.3


def test_mean_nearest_is_that_of_every_pair() -> None:
    texts = [f"{subject} {verb}" for subject in ("a dog", "the bank", "rain") for verb in ("sleeps", "falls")]
    expected = [max(similarity(a, b) for b in texts if b != a) for a in texts]
    assert mean_nearest(texts) == pytest.approx(sum(expected) / len(texts), abs=1e-4)
    assert mean_nearest(["one"]) is None
    assert mean_nearest(["same", "same"]) == pytest.approx(1, abs=1e-5)


def test_words_taken_over_from_a_prompt() -> None:
    source = "Write the one request of a user to which this text is the answer."
    assert repeated_run("The one request of a user, please", source) == "the one request of a"
    assert repeated_run("What is the answer to a request of mine?", source) is None


def test_a_word_in_common() -> None:
    assert shares_a_word("How do printers work?", "The printing of pages")
    assert not shares_a_word("Which tree is it?", "The printer is on")
