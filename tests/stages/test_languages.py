"""Runs on documents in other scripts: what a faithful model writes is kept, what it invents is dropped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from desks import desk, reasons, rows, run

from synth.documents import pieces
from synth.llm.base import Json

_ARTICLES = Path(__file__).parent.parent / "data" / "retrieval_ja"
_CASES = [
    json.loads(line) for line in _ARTICLES.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
]
_SIZES = {"min_chars": 300, "max_chars": 1500}
DOCS = {"documents": "docs/*.md"}


def articles(folder: Path) -> None:
    shutil.copytree(_ARTICLES, folder / "docs")


def sentence_with(quote: str, document: str) -> str:
    """The sentence of a document that has the quote."""
    text = (_ARTICLES / document).read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if quote in line)
    return next(part for part in line.replace("。", "。\n").splitlines() if quote in part).strip()


def answered(case: Json) -> Json:
    """A rule of the scripted model: a faithful answer to the question, with its quote."""
    sentence = sentence_with(case["quote"], case["document"])
    text = f"<quote>{sentence}</quote>\n<answer>\n{sentence}\n</answer>"
    return {"match": f"last message:\n{escaped(case['question'])}", "text": text}


def escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in "?.*+()[]" else char for char in text)


def test_grounded_answers_in_japanese_are_kept(tmp_path: Path) -> None:
    """Of the questions whose passage is shown, every faithful answer is kept."""
    articles(tmp_path)
    lines = [{"instruction": case["question"]} for case in _CASES]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    recipe = desk(
        tmp_path,
        [{"respond": {"grounded": {"passages": 5, "distractors": 0}}}],
        [answered(case) for case in _CASES],
        sources={**DOCS, "prompts": "prompts.jsonl"},
    )
    assert run(recipe).error is None
    kept = rows(recipe, status="kept")
    assert len(kept) >= 0.9 * len(_CASES)
    # The others' passage is not among the five, so no passage has the quote.
    assert set(reasons(recipe)) <= {"quote_not_found", "unsupported"}
    assert all(row["labels"] == {"answerable": True} for row in kept)


def test_an_invented_number_in_japanese_is_dropped(tmp_path: Path) -> None:
    articles(tmp_path)
    (tmp_path / "prompts.jsonl").write_text(
        json.dumps({"instruction": "返金は何日以内ならできますか"}) + "\n"
    )
    quote = "年払いプランは、最初の支払いから30日以内、または更新から14日以内であれば全額を返金します。"
    text = f"<quote>{quote}</quote>\n<answer>\n45日以内であれば返金します。\n</answer>"
    recipe = desk(
        tmp_path,
        [{"respond": {"grounded": {"passages": 5, "distractors": 0}}}],
        [{"match": "last message:", "text": text}],
        sources={**DOCS, "prompts": "prompts.jsonl"},
    )
    assert run(recipe).error is None
    assert reasons(recipe) == {"unsupported": 1}


def test_instructions_for_japanese_texts_are_kept(tmp_path: Path) -> None:
    articles(tmp_path)
    passages = [
        (piece, file)
        for file in sorted(_ARTICLES.glob("*.md"))
        for piece in pieces(file.read_text(encoding="utf-8"), *_SIZES.values())
    ]
    script = [
        {
            "match": escaped(piece.text[:40]),
            "text": f"{(piece.heading or '').split(' > ')[-1]}について教えてください。",
        }
        for piece, _ in passages
    ]
    judge = [
        {"match": "Rate how good an example", "text": {"reasoning": "良い。", "score": 5}},
        {"match": "Two writers", "text": {"agree": True}},
    ]
    recipe = desk(tmp_path, [{"backtranslate": _SIZES}], script, judge, sources=DOCS)
    assert run(recipe).error is None
    assert len(rows(recipe, status="kept")) == len(passages) >= 10


def test_questions_about_japanese_texts_are_kept(tmp_path: Path) -> None:
    articles(tmp_path)
    script, count = [], 0
    for file in sorted(_ARTICLES.glob("*.md")):
        for piece in pieces(file.read_text(encoding="utf-8"), *_SIZES.values()):
            pairs = [
                {"kind": "fact", "quote": quote, "question": case["question"], "answer": quote}
                for case in _CASES
                if case["document"] == file.name
                and (quote := sentence_with(case["quote"], case["document"])) in piece.text
            ][:3]
            script.append({"match": escaped(piece.text[:40]), "text": {"pairs": pairs}})
            count += len(pairs)
    recipe = desk(tmp_path, [{"backtranslate": {"mode": "questions", **_SIZES}}], script, sources=DOCS)
    assert run(recipe).error is None
    assert len(rows(recipe, status="kept")) == count >= 30, reasons(recipe)


@pytest.mark.parametrize(
    ("text", "question", "quote", "invented"),
    [
        (
            "환불은 결제일로부터 30일 이내에 신청할 수 있습니다. 신청은 설정의 결제 메뉴에서 합니다.",
            "환불은 언제까지 되나요?",
            "환불은 결제일로부터 30일 이내에 신청할 수 있습니다.",
            "환불은 90일 이내에 가능합니다.",
        ),
        (
            "يمكن طلب استرداد المبلغ خلال 30 يومًا من الدفع. تقدم الطلب من صفحة الدفع في الإعدادات.",
            "متى يمكنني استرداد المبلغ؟",
            "يمكن طلب استرداد المبلغ خلال 30 يومًا من الدفع.",
            "يمكن ذلك خلال 90 يومًا.",
        ),
        (
            "退款可以在付款后30天内申请。请在设置的付款页面提交申请。处理需要5个工作日。",
            "付款后多久可以退款?",
            "退款可以在付款后30天内申请。",
            "90天内都可以申请退款。",
        ),
    ],
)
def test_grounded_in_other_scripts(
    tmp_path: Path, text: str, question: str, quote: str, invented: str
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "one.md").write_text(f"# 1\n\n{text}\n", encoding="utf-8")
    for name, answer, expected in (("true", quote, {}), ("invented", invented, {"unsupported": 1})):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copytree(tmp_path / "docs", folder / "docs")
        (folder / "prompts.jsonl").write_text(json.dumps({"instruction": question}) + "\n")
        reply = f"<quote>{quote}</quote>\n<answer>\n{answer}\n</answer>"
        recipe = desk(
            folder,
            [{"respond": {"grounded": {"min_chars": 20, "max_chars": 400, "passages": 1, "distractors": 0}}}],
            [{"match": "last message:", "text": reply}],
            sources={**DOCS, "prompts": "prompts.jsonl"},
        )
        assert run(recipe).error is None
        assert reasons(recipe) == expected
