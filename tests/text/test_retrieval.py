"""Retrieval finds the passage that answers.

The questions were written before the index first ran on them; those that are held out, after its last change.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synth.documents import pieces
from synth.stages.respond.options import GroundedOptions
from synth.text.retrieval import Retriever
from synth.text.similarity.embedding import comparable

_DATA = Path(__file__).parent.parent / "data"
_SUPPORT = Path(__file__).parent.parent.parent / "examples" / "support" / "documents"
_FOLDERS = {"en": _SUPPORT, "ja": _DATA / "retrieval_ja"}


def passages_and_questions(language: str, suffix: str = "") -> tuple[list[str], list[tuple[str, str]]]:
    """The passages with their headings, and pairs of a question and a quote from the one that answers it."""
    options = GroundedOptions()
    texts = [
        f"{piece.heading or ''}\n{piece.text}"
        for file in sorted(_FOLDERS[language].glob("*.md"))
        for piece in pieces(file.read_text(encoding="utf-8"), options.min_chars, options.max_chars)
    ]
    lines = (_DATA / f"retrieval_{language}{suffix}.jsonl").read_text(encoding="utf-8").splitlines()
    return texts, [(line["question"], line["quote"]) for line in map(json.loads, lines)]


def found_among_five(language: str, suffix: str = "") -> dict[str, float]:
    """The share of questions whose gold passage is among the first five, for each order alone and both."""
    texts, questions = passages_and_questions(language, suffix)
    index = Retriever(texts)
    orders = {
        "BM25": lambda question: index.by_words(question),
        "vectors of passages": lambda question: index.by_vectors(question)[0],
        "vectors of sentences": lambda question: index.by_vectors(question)[1],
        "joined": lambda question: index.nearest(question, 5),
    }
    return {
        name: sum(
            any(_has(texts[position], quote) for position in order(question)[:5])
            for question, quote in questions
        )
        / len(questions)
        for name, order in orders.items()
    }


def _has(text: str, quote: str) -> bool:
    return " ".join(quote.split()) in " ".join(text.split())


@pytest.mark.parametrize(("suffix", "least"), [("", 40), ("_held_out", 30)])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_gold_passage_is_among_the_first_five(language: str, suffix: str, least: int) -> None:
    """Issue 19, point 5."""
    texts, questions = passages_and_questions(language, suffix)
    found = found_among_five(language, suffix)
    shares = ", ".join(f"{name} {share:.0%}" for name, share in found.items())
    print(f"{language}{suffix}: {len(questions)} questions, {len(texts)} passages: {shares}")
    assert len(questions) >= least
    assert all(any(_has(text, quote) for text in texts) for _, quote in questions)
    assert found["joined"] >= 0.9


def test_it_finds_a_code_and_an_inflected_word() -> None:
    index = Retriever(["Cancelling your plan", "Error BW-102", "Error BW-103", "Our opening hours"])
    assert index.nearest("bw-103?", 1) == [2]
    assert index.nearest("I canceled", 1) == [0]


def test_korean_particles_do_not_hide_a_word() -> None:
    index = Retriever(["배송은 이틀 걸립니다.", "비밀번호는 설정에서 바꿉니다.", "환불은 30일까지 됩니다."])
    assert index.nearest("비밀번호를 잊었어요", 1) == [1]
    assert index.nearest("환불이 될까요", 1) == [2]


def test_ties_and_unknown_words_keep_the_order_of_the_texts() -> None:
    assert Retriever(["同じ", "同じ", "別"]).nearest("同じ", 3) == [0, 1, 2]
    assert Retriever(["一", "二", "三"]).nearest("ราคา", 2) == [0, 1]
    assert Retriever([]).nearest("anything", 2) == []


def test_vectors_are_compared_only_in_latin_letters() -> None:
    assert comparable("How do I reset it?", "Wie viel kostet das?", "Jak mogę zresetować hasło?")
    assert not comparable("パスワードを忘れました")
    assert not comparable("Làm sao để đặt lại mật khẩu?")
    assert not comparable("كيف أغير كلمة المرور؟", "How do I change it?")
