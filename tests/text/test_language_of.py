"""The language of short texts, or "und" for a language that no check knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synth.text.languages import language_of, languages_of

_DATA = Path(__file__).parent.parent / "data"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How do I cancel my booking?", "en"),
        ("Reset password", "en"),
        ("Wie kann ich meine Buchung stornieren?", "de"),
        ("¿Cómo puedo cancelar mi reserva?", "es"),
        ("予約をキャンセルするにはどうすればいいですか", "ja"),
        ("ログイン不可", "ja"),
        ("如何取消我的预订", "zh"),
        ("예약을 취소하려면 어떻게 하나요", "ko"),
        ("Как отменить бронирование?", "ru"),
        ("كيف ألغي حجزي؟", "ar"),
        ("मैं अपनी बुकिंग कैसे रद्द करूँ?", "hi"),
        ("Πώς ακυρώνω την κράτηση;", "el"),
        ("ฉันจะยกเลิกการจองได้อย่างไร", "th"),
        ("איך מבטלים הזמנה?", "he"),
        ("எனது முன்பதிவை எப்படி ரத்து செய்வது?", "ta"),
        ("SELECT 1 → 2 ≈ 3", "und"),
        ("", "und"),
        ("→ ≈ ·", "und"),
        ("da4e 91 de c0ffee", "und"),
        ("Please run `pip install` and tell me what 你好 means in the output that it gives", "en"),
        ("iPhoneの画面をGoogle Driveに保存できますか", "ja"),
        ("Did Erdoğan and Łukasz meet in İzmir on Monday?", "en"),
    ],
)
def test_what_a_text_counts_as(text: str, expected: str) -> None:
    assert language_of(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Parolamı nasıl sıfırlayabilirim?",
        "Siparişim üç gündür gelmedi, ne yapmalıyım?",
        "Jak mogę zresetować hasło?",
        "Proszę o wysłanie faktury na mój adres.",
        "Hur kan jag ändra min adress?",
        "Jag har inte fått min beställning.",
        "Hvordan kan jeg ændre min adgangskode?",
        "Min ordre er ikke kommet ennå.",
        "Miten vaihdan salasanani?",
        "Làm sao để đặt lại mật khẩu?",
        "Bagaimana cara mengubah kata sandi saya?",
        "Pesanan saya belum datang sejak tiga hari lalu.",
        "Jak změním své heslo?",
        "Hogyan tudom megváltoztatni a jelszavamat?",
        "Cum îmi pot schimba parola?",
        "Paano ko mababago ang aking password?",
        "Чи можна змінити пароль і пошту?",
        "چگونه رزرو خود را لغو کنم؟",
    ],
)
def test_a_language_without_word_lists_is_unknown(text: str) -> None:
    assert language_of(text) == "und"


def test_requests_are_rarely_unknown() -> None:
    """Only requests whose language is known get that language's checks."""
    for name in ("planted_paraphrases", "planted_paraphrases_held_out"):
        lines = (_DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        texts = [json.loads(line)["before"] for line in lines]
        unknown = [text for text in texts if language_of(text) == "und"]
        assert len(unknown) <= 0.02 * len(texts), unknown


@pytest.mark.parametrize("language", ["ja", "zh", "ko", "ar", "hi", "de", "fr", "es"])
def test_planted_requests_are_in_their_language(language: str) -> None:
    lines = (_DATA / "planted" / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [text for case in map(json.loads, lines) for text in (case["first"], case["second"])]
    wrong = [(text, language_of(text)) for text in texts if language_of(text) != language]
    assert len(wrong) <= 0.05 * len(texts), wrong


def test_every_language_may_have_the_numbers_of_an_unknown_text() -> None:
    assert len(languages_of("42")) == 7
    assert languages_of("三十日以内") == []
    assert languages_of("Wie viel ist das?") == ["de"]
