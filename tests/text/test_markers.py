"""The word lists of languages in other scripts, and what they find."""

from __future__ import annotations

import re

import pytest

from synth.text.lexicon import MARKED, Markers, any_of, markers
from synth.text.paraphrase_checks.negations import changed_negation
from synth.text.paraphrase_checks.numbers import changed_numbers
from synth.text.standalone import leans_on_source


@pytest.mark.parametrize("language", MARKED)
def test_every_entry_is_a_pattern_without_repeats(language: str) -> None:
    for field, value in markers(language):
        if isinstance(value, tuple):
            assert len(value) == len(set(value)), field
            assert all(re.compile(any_of([entry])) for entry in value), field


def test_every_list_is_used_by_a_language() -> None:
    assert all(any(getattr(markers(code), field) for code in MARKED) for field in Markers.model_fields)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3人です", "三人です"),
        ("1万円です", "10,000円です"),
        ("2億3千万円", "230000000円"),
        ("午後2時半に", "14:30に"),
        ("2時間半かかる", "2時間30分かかる"),
        ("90分かかる", "1時間半かかる"),
        ("4月15日に", "4/15に"),
        ("２階です", "2階です"),
        ("一緒に食べる", "食べる"),
        ("十分です", "足ります"),
        ("30日以内なら返金できますか", "返金は30日以内ですか"),
        ("三万五千元", "35000元"),
        ("两个半小时", "2.5小时"),
        ("一百元", "100元"),
        ("下午三点", "15:00"),
        ("四川好吃的菜", "好吃的川菜"),
        ("1790년에", "1790년의"),
        ("세 명이", "3명이"),
        ("2억 5천만원", "250000000원"),
        ("오후 3시에", "15:00에"),
        ("네, 알겠습니다", "알겠습니다"),
        ("لثلاثة أشخاص", "لـ 3 أشخاص"),
        ("٣٠ يومًا", "30 يومًا"),
        ("١٫٥ كيلو", "1.5 كيلو"),
        ("पाँच लोग", "5 लोग"),
        ("2 लाख रुपये", "200000 रुपये"),
        ("२४ घंटे", "24 घंटे"),
        ("пять минут", "5 минут"),
        ("2 тысячи рублей", "2000 рублей"),
    ],
)
def test_one_number_in_two_spellings(one: str, other: str) -> None:
    assert changed_numbers(one, other) is None
    assert changed_numbers(other, one) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3人です", "五人です"),
        ("1万円です", "1,000円です"),
        ("午後2時に", "午後3時に"),
        ("两个小时", "三个小时"),
        ("세 명", "네 명"),
        ("ثلاثة أشخاص", "خمسة أشخاص"),
        ("पाँच लोग", "सात लोग"),
        ("пять минут", "шесть минут"),
    ],
)
def test_another_number_is_found(one: str, other: str) -> None:
    assert changed_numbers(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("在庫があるかもしれません。", "在庫はあるかどうか分かりますか。"),
        ("書類を出さなければなりません。", "書類を出す必要があります。"),
        ("送っていただけませんか。", "送ってください。"),
        ("確認してもらえないでしょうか。", "確認をお願いします。"),
        ("2時間しか持ちません。", "2時間だけ持ちます。"),
        ("这家店不错。", "这家店挺好。"),
        ("能不能退款?", "可以退款吗?"),
        ("不好意思,几点开门?", "请问几点开门?"),
        ("有没有停车场?", "有停车场吗?"),
        ("취소할 수 없을까요?", "취소해 주세요."),
        ("안내 메일을 받았어요.", "메일이 왔어요."),
        ("현금밖에 안 되나요?", "현금만 되나요?"),
        ("ما زال لا بأس", "الأمر جيد"),
        ("यह ठीक है न?", "क्या यह ठीक है?"),
        ("Не могли бы вы прислать счёт?", "Пришлите, пожалуйста, счёт."),
    ],
)
def test_a_negation_that_denies_nothing(one: str, other: str) -> None:
    assert changed_negation(one, other) is None
    assert changed_negation(other, one) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("メールが届きます。", "メールが届きません。"),
        ("砂糖を入れずに作る。", "砂糖を入れて作る。"),
        ("可以退款。", "不可以退款。"),
        ("我收到了。", "我没收到。"),
        ("환불이 됩니다.", "환불이 안 됩니다."),
        ("هذا متاح.", "هذا غير متاح."),
        ("यह चलता है।", "यह नहीं चलता।"),
        ("Оплата прошла.", "Оплата не прошла."),
    ],
)
def test_a_negation_that_was_added_or_lost(one: str, other: str) -> None:
    assert changed_negation(one, other)
    assert changed_negation(other, one)


@pytest.mark.parametrize(
    "text",
    [
        "筆者は何を主張していますか。",
        "上記の文章を要約してください。",
        "根据上述文章,主要观点是什么?",
        "작가가 아니라 글쓴이는 무엇을 주장하나요?",
        "위 글의 주제는 무엇인가요?",
        "ما الفكرة الرئيسية في النص أعلاه؟",
        "इस लेख के अनुसार क्या सही है?",
        "О чём говорится в тексте?",
    ],
)
def test_a_reference_to_a_missing_text(text: str) -> None:
    assert leans_on_source(text)


@pytest.mark.parametrize(
    "text",
    [
        "パスワードを忘れたらどうすればいいですか。",
        "次の文章を要約してください：今日は朝から雨が降っていたので、家で本を読んで過ごしました。",
        "怎么申请退款?",
        "환불은 어떻게 신청하나요?",
        "كيف أغير كلمة المرور؟",
        "पासवर्ड कैसे बदलें?",
        "Как сменить пароль?",
    ],
)
def test_a_request_that_stands_alone(text: str) -> None:
    assert leans_on_source(text) is None
