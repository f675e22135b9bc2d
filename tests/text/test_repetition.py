"""Loops are found; texts that repeat a few words are not reported."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from synth.text.repetition import repeated_share


def test_a_short_text_is_no_loop() -> None:
    assert repeated_share("very very very very very very") == 0.0
    assert repeated_share("") == 0.0


def test_what_a_lost_model_writes_is_one() -> None:
    assert repeated_share("The instructions are in JSON. " * 12) > 0.8
    assert repeated_share("You can write it with one sentence. You can write it in a story. " * 4) > 0.7


def test_a_list_whose_items_begin_alike_is_none() -> None:
    steps = "".join(
        f"{n}. Open the settings and choose {what}.\n"
        for n, what in enumerate(
            ("calendars", "reminders", "payments", "your team", "messages", "exports"), 1
        )
    )
    assert repeated_share(steps) < 0.3


def test_hardly_any_human_text_is_one() -> None:
    folder = os.environ.get("SYNTH_DATA")
    if not folder:
        pytest.skip("SYNTH_DATA names no folder with gsm8k_test.jsonl")
    lines = (Path(folder) / "gsm8k_test.jsonl").read_text().splitlines()
    shares = [repeated_share(json.loads(line)["answer"]) for line in lines]
    assert sum(share > 0.3 for share in shares) == 0
