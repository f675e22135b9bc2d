"""Whether texts are alike, in scripts with and without meaningful vectors."""

from __future__ import annotations

from itertools import combinations

import pytest

from synth.text.similarity.embedding_index import EmbeddingIndex
from synth.text.similarity.unlike import asks_something_else, likeness

# Five unlike problems of a model. Their vectors have a median cosine of 0.01 (English) to 0.8 (Arabic).
_PROBLEMS = {
    "en": (
        "It invents phone numbers.", "The tone is rude to customers.", "It answers in the wrong language.",
        "The calculation of the tax is wrong.", "It forgets the second question.",
    ),
    "ja": (
        "電話番号をでっち上げている。", "お客様に対して口調が失礼。", "違う言語で回答している。",
        "税金の計算が間違っている。", "二つ目の質問を無視した。",
    ),
    "zh": (
        "编造了电话号码。", "对客户的语气不礼貌。", "用错了语言回答。", "税款计算有误。",
        "漏掉了第二个问题。",
    ),
    "ar": (
        "يخترع أرقام هواتف.", "أسلوبه فظ مع الزبائن.", "أجاب بلغة خاطئة.", "حساب الضريبة غير صحيح.",
        "تجاهل السؤال الثاني.",
    ),
    "hi": (
        "फ़ोन नंबर मनगढ़ंत है।", "ग्राहक से लहजा रूखा है।", "ग़लत भाषा में जवाब दिया।", "कर की गणना ग़लत है।",
        "दूसरे सवाल को छोड़ दिया।",
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", _PROBLEMS)
def test_unlike_problems_stay_apart(language: str) -> None:
    """`target_failures` joins problems from 0.45 on."""
    assert max(likeness(one, other) for one, other in combinations(_PROBLEMS[language], 2)) < 0.45


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("電話番号をでっち上げている。", "存在しない電話番号をでっち上げた。"),
        ("税金の計算が間違っている。", "税金の計算を間違えた。"),
        ("حساب الضريبة غير صحيح.", "حساب الضريبة خاطئ."),
        ("कर की गणना ग़लत है।", "कर की गणना सही नहीं है।"),
        ("The calculation of the tax is wrong.", "Tax was calculated wrongly."),
    ],
)
def test_alike_problems_are_joined(one: str, other: str) -> None:
    assert likeness(one, other) >= 0.45


def test_the_index_finds_alike_texts_in_every_script() -> None:
    index = EmbeddingIndex(0.9)
    for text in (
        "How do I cancel my booking?",
        "予約をキャンセルする方法を教えてください。",
        "如何取消预订?",
    ):
        index.add(text)
    assert index.near("How can I cancel a booking?")
    assert index.near("予約をキャンセルする方法を教えて。")
    assert not index.near("パスワードを忘れました。どうすればいいですか。")
    assert not index.near("எனது முன்பதிவை எப்படி ரத்து செய்வது?")


def test_another_question_is_found_in_every_script() -> None:
    assert asks_something_else("パスワードを忘れました。", "駐車場はありますか?")
    assert asks_something_else("How do I reset my password?", "Is there a car park?")
    assert asks_something_else("パスワードを忘れました。", "パスワードを忘れたときは?") is None
    assert asks_something_else("Gibt es Parkplätze?", "Kann ich bei Ihnen irgendwo parken?") is None
