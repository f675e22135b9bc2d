"""Batches of real requests, as prompts about topics show them."""

from __future__ import annotations

from collections.abc import Sequence

from synth.conversation import content_of
from synth.row import Row
from synth.stable_hash import number

# Characters. The subject of a request is usually at its beginning.
_CHARACTERS_SHOWN = 400


def shown(row: Row) -> str:
    """The user's messages, in one line. The assistant's would tell about other matters."""
    said = (content_of(message) for message in row.conversation.prompt if message["role"] == "user")
    return " ".join(" ".join(said).split())[:_CHARACTERS_SHOWN]


def batches(rows: Sequence[Row], size: int, salt: str) -> list[list[Row]]:
    """Batches of about `size` rows. The number of batches doubles when they get too large, so it seldom
    changes.
    """
    count = 1
    while len(rows) > count * size:
        count *= 2
    found: list[list[Row]] = [[] for _ in range(count)]
    for row in sorted(rows, key=lambda row: row.id):
        found[number(salt, row.id) % count].append(row)
    return [batch for batch in found if batch]
