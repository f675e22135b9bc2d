"""What `vary` asked for and the pattern of a failure are no classes of a row."""

from __future__ import annotations

import pytest

from synth.conversation import Conversation, assistant_message, user_message
from synth.review.answers import label_of
from synth.row import Lineage, Row


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, (None, "billing")),
        ({"vary.register": "terse"}, (None, "billing")),
        ({"pattern": "wrong desk"}, (None, "billing")),
        ({"vary.register": "terse", "desk": "money"}, ("desk", "money")),
        ({"answerable": True, "label": "money"}, ("label", "money")),
    ],
)
def test_the_class_of_a_row(labels: dict[str, object], expected: tuple[str | None, str]) -> None:
    conversation = Conversation([user_message("I paid twice."), assistant_message("billing")])
    assert label_of(Row("1", conversation, Lineage("seed"), labels=labels)) == expected
