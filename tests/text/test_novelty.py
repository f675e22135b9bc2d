"""The index agrees with a comparison with every row, and its scores equal those of rouge-score."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenize import tokenize

from synth.text.similarity.novelty import Match, NoveltyIndex
from synth.text.tokens import rouge_tokens

SEEDS = Path(os.environ.get("SYNTH_DATA", "")) / "self_instruct_seeds.jsonl"

# Few words, so that texts overlap, repeat words and land on the threshold itself.
close_texts = st.lists(st.sampled_from("abcdef"), max_size=12).map(" ".join)


def rouge_l(one: str, other: str) -> float:
    return float(RougeScorer(["rougeL"], use_stemmer=False).score(one, other)["rougeL"].fmeasure)


def nearest_by_comparing_all(texts: list[str], query: str, threshold: float) -> Match | None:
    scores = [rouge_l(text, query) for text in texts]
    best = max(scores, default=0.0)
    return Match(scores.index(best), best) if best > threshold else None


def index_of(texts: list[str], threshold: float = 0.7) -> NoveltyIndex:
    index = NoveltyIndex(threshold)
    for text in texts:
        index.add(text)
    return index


@given(
    st.lists(close_texts, max_size=25),
    close_texts,
    st.sampled_from([0.0, 0.2, 0.5, 0.6, 2 / 3, 0.7, 0.75, 0.8, 0.9, 0.99]),
)
def test_answers_as_comparing_with_every_row(texts: list[str], query: str, threshold: float) -> None:
    found = index_of(texts, threshold).nearest(query)
    assert found == nearest_by_comparing_all(texts, query, threshold)


@given(st.lists(close_texts, max_size=12))
def test_the_answer_while_the_index_grows_is_that_of_the_rows_so_far(texts: list[str]) -> None:
    index = NoveltyIndex()
    for i, text in enumerate(texts):
        assert index.nearest(text) == nearest_by_comparing_all(texts[:i], text, 0.7)
        assert index.add(text) == i
        assert len(index) == i + 1


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_tokens_are_those_of_rouge_score(text: str) -> None:
    assert rouge_tokens(text) == tokenize(text, None)


@pytest.mark.skipif(not SEEDS.exists(), reason="SYNTH_DATA names no folder with self_instruct_seeds.jsonl")
def test_real_instructions_score_as_in_rouge_score() -> None:
    draw = random.Random(0)
    seeds = [json.loads(line)["instruction"] for line in SEEDS.read_text("utf-8").splitlines()]
    seeds = [seed for seed in seeds if seed.isascii()]
    vocabulary = [word for seed in seeds for word in seed.split()]
    index = index_of(seeds)
    above = 0
    for seed in draw.sample(seeds, 40):
        words = seed.split()
        for _ in range(draw.randint(0, len(words) // 2)):
            words[draw.randrange(len(words))] = draw.choice(vocabulary)
        query = " ".join(words)
        expected = nearest_by_comparing_all(seeds, query, 0.7)
        assert index.nearest(query) == expected
        above += expected is not None
    assert 10 <= above <= 39  # both answers have been asked for


def test_a_score_at_the_threshold_is_not_above_it() -> None:
    index = index_of(["a b c d e f g h i j"], threshold=0.5)
    assert index.nearest("a b c d e z z z z z") is None
    assert index.nearest("a b c d e f z z z z") == Match(0, pytest.approx(0.6))


def test_of_equal_scores_the_first_added_wins() -> None:
    assert index_of(["other words", "sort the list", "sort the list"]).nearest("Sort the list!") == Match(
        1, 1.0
    )


def test_order_of_words_counts() -> None:
    index = index_of(["one two three four five six"])
    assert index.nearest("six five four three two one") is None


@pytest.mark.parametrize("text", ["", "   ", "?!", "😀😃"])
def test_text_without_words_is_near_nothing(text: str) -> None:
    index = index_of([text, "some words"])
    assert index.nearest(text) is None
    assert index.nearest("some words") == Match(1, 1.0)


@pytest.mark.parametrize(
    ("kept", "near", "far"),
    [
        ("如何重置我的账户密码", "如何重置你的账户密码", "今天天气怎么样"),
        ("كيف يمكنني إعادة تعيين كلمة المرور", "كيف يمكنني إعادة تعيين كلمة السر", "ما هي عاصمة فرنسا"),
        ("Как мне сбросить пароль от почты", "Как мне сбросить пароль от сайта", "Какая завтра погода"),
        ("मैं अपना पासवर्ड कैसे बदलूँ", "मैं अपना पासवर्ड कैसे बदलूं", "आज मौसम कैसा है"),
    ],
)
def test_other_scripts_are_compared_word_by_word(kept: str, near: str, far: str) -> None:
    index = index_of([kept])
    match = index.nearest(near)
    assert match is not None
    assert 0.7 < match.score < 1
    assert index.nearest(far) is None


def test_accents_do_not_break_words() -> None:
    assert rouge_tokens("Où est le Café?") == ["où", "est", "le", "café"]
    assert rouge_tokens("cafe\u0301") == ["café"]


@pytest.mark.parametrize("threshold", [-0.1, 1.0, 2.0])
def test_thresholds_that_mean_nothing_are_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        NoveltyIndex(threshold)
