"""Languages and scripts of short texts."""

from __future__ import annotations

import pytest

from synth.text.scripts import language_or_script


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How do I cancel my booking?", "en"),
        ("Wie kann ich meine Buchung stornieren?", "de"),
        ("¿Cómo puedo cancelar mi reserva?", "es"),
        ("予約をキャンセルするにはどうすればいいですか", "ja"),
        ("如何取消我的预订", "zh"),
        ("예약을 취소하려면 어떻게 하나요", "ko"),
        ("Как отменить бронирование?", "cyrillic"),
        ("كيف ألغي حجزي؟", "arabic"),
        ("मैं अपनी बुकिंग कैसे रद्द करूँ?", "devanagari"),
        ("Πώς ακυρώνω την κράτηση;", "el"),
        ("SELECT 1 → 2 ≈ 3", "en"),
        ("", "en"),
        ("→ ≈ ·", "en"),
        ("da4e 91 de c0ffee", "en"),
        ("Please run `pip install` and tell me what 你好 means in the output that it gives", "en"),
    ],
)
def test_what_a_text_counts_as(text: str, expected: str) -> None:
    assert language_or_script(text) == expected
