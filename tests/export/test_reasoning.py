"""A model's reasoning: left out, inside the answer or in a separate field, and only for its own answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from export_runs import chat, draft, held_out, make_run, read_lines, seed

from synth.errors import ExportError
from synth.exports import ExportResult, export_run

THOUGHT = "They ask for a refund.\nSo the order number comes first."
ROW = draft(chat("Can I have my money back?", "Which order is it?"), reasoning=THOUGHT)
ROWS = [held_out(chat("Hello?", "Hello!")), seed(chat("And you?", "Me too.")), ROW]


def exported(tmp_path: Path, reasoning: str, form: str = "trl-sft", **run: Any) -> ExportResult:
    return export_run(make_run(tmp_path / "run", ROWS, export={"reasoning": reasoning}, **run), format=form)


def answers(result: ExportResult) -> list[dict[str, str]]:
    return [row["completion"][0] for row in read_lines(result.folder / "train.jsonl")]


def test_it_is_left_out_unless_it_is_wanted(tmp_path: Path) -> None:
    assert answers(exported(tmp_path, "strip"))[1] == {"role": "assistant", "content": "Which order is it?"}


def test_it_stands_in_the_answer(tmp_path: Path) -> None:
    said, thoughtful = answers(exported(tmp_path, "think"))
    assert said["content"] == "Me too."
    assert thoughtful["content"] == f"<think>\n{THOUGHT}\n</think>\n\nWhich order is it?"


def test_it_stands_beside_the_answer(tmp_path: Path) -> None:
    said, thoughtful = answers(exported(tmp_path, "field"))
    assert "reasoning_content" not in said
    assert thoughtful == {
        "role": "assistant",
        "content": "Which order is it?",
        "reasoning_content": THOUGHT,
    }


def test_nothing_leads_to_what_a_person_wrote(tmp_path: Path) -> None:
    reviews = {ROW.id: {"status": "edited", "by": ["ann"], "before": "No."}}
    assert answers(exported(tmp_path, "think", reviews=reviews))[1]["content"] == "Which order is it?"


@pytest.mark.parametrize(
    ("form", "reasoning", "words"),
    [
        ("openai", "field", "no separate field for reasoning"),
        ("llama-factory", "field", "no separate field for reasoning"),
        ("trl-dpo", "think", "has no answers that a model wrote after reasoning"),
        ("trl-prompt", "field", "has no answers that a model wrote after reasoning"),
    ],
)
def test_a_format_without_a_place_for_it(tmp_path: Path, form: str, reasoning: str, words: str) -> None:
    with pytest.raises(ExportError, match=words) as caught:
        exported(tmp_path, reasoning, form)
    assert caught.value.where == "export.reasoning"


@pytest.mark.parametrize("form", ["openai", "mistral", "gemini", "sharegpt", "alpaca", "parquet"])
def test_inside_the_answer_it_goes_into_every_format(tmp_path: Path, form: str) -> None:
    assert exported(tmp_path, "think", form).files["train"] == 2
