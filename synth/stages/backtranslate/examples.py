"""Chooses seeds that show the writer how users ask and how the assistant answers."""

from __future__ import annotations

from collections.abc import Sequence

from synth.llm.base import Json
from synth.row import Row
from synth.stable_hash import rank
from synth.stages.source_items import Seed
from synth.text.tokens import normal_form, word_count

# Humpback trains its backward model on the seeds; a prompt has room for a few.
_SHOWN = 4

# Words. The answer to a short label, or the request to a long text, shows nothing about a passage.
_FEWEST_WORDS = 6
_MOST_WORDS = 200


class SeedExamples:
    """The seeds with one request and an answer in prose. Held-out rows are not among a run's seeds.

    Hashes choose the examples of a passage: the nearest seeds could lead the writer to ask the same again.
    """

    def __init__(self, seeds: Sequence[Seed], salt: str) -> None:
        self._rows = [seed.row for seed in seeds if _shows_register(seed.row)]
        self._salt = salt

    def of(self, passage: str) -> list[Row]:
        """The examples in the prompt for the passage with this id: at most four, perhaps none."""
        return sorted(self._rows, key=lambda row: rank(self._salt, "example", passage, row.id))[:_SHOWN]


def as_values(examples: Sequence[Row]) -> list[Json]:
    """The examples as a prompt shows them."""
    said = [row.conversation for row in examples]
    return [{"request": each.prompt_text, "response": each.answer} for each in said]


def copied_example(request: str, examples: Sequence[Row]) -> str | None:
    """The request of an example that this request copies, or None. Similar requests can both be right."""
    known = {normal_form(row.conversation.prompt_text): row.conversation.prompt_text for row in examples}
    return known.get(normal_form(request))


def _shows_register(row: Row) -> bool:
    said = row.conversation
    if [m["role"] for m in said.messages if m["role"] != "system"] != ["user", "assistant"]:
        return False
    lengths = word_count(said.prompt_text), word_count(said.answer or "")
    return lengths[1] >= _FEWEST_WORDS and max(lengths) <= _MOST_WORDS
