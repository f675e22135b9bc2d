"""Words in every script."""

from __future__ import annotations

import pytest

from synth.text.tokens import word_count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("How do I cancel?", 4),
        ("Wie kündige ich – und wann?", 5),
        ("予約を取り消すにはどうすればよいですか。", 10),
        ("如何取消预订？", 3),
        ("API 키를 재설정하려면?", 3),
        ("BW-210というエラー", 4),
        ("ฉันจะยกเลิกได้อย่างไร", 6),
    ],
)
def test_words_are_counted_in_every_script(text: str, count: int) -> None:
    assert word_count(text) == count
