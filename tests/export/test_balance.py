"""Temperature: small groups are repeated in train, never left out of it, and never copied into test."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from export_runs import chat, draft, drafts, held_out, make_run, read_all, read_lines
from hypothesis import given
from hypothesis import strategies as st

from synth.exports import ExportResult, export_run
from synth.exports.balance import wanted_sizes
from synth.exports.strata import language
from synth.recipe.model import Balance
from synth.row import Row, content_id

ENGLISH = "How can I cancel {} or {} but not {}?"
GERMAN = "Wie kann ich {} oder {} aber nicht {} stornieren?"
HELD_OUT = held_out(chat("Hello?", "Hello!"))


def tongues() -> list[Row]:
    """64 English drafts and 4 German ones, none of them near-copies."""
    return [*(_asking(ENGLISH, n) for n in range(64)), *(_asking(GERMAN, n) for n in range(64, 68))]


def _asking(words: str, number: int) -> Row:
    """Three numbers that are written nowhere else, so that two rows of one template are no near-copies."""
    digits = str(int(content_id(number), 16))
    return draft(chat(words.format(digits[:9], digits[9:18], digits[18:27]), f"{number}."))


def exported(tmp_path: Path, balance: dict[str, object], rows: list[Row] | None = None) -> ExportResult:
    run = make_run(tmp_path / "run", rows or [HELD_OUT, *tongues()], export={"balance": balance})
    return export_run(run)


@given(
    st.dictionaries(st.text(max_size=3), st.integers(1, 10**6), min_size=1, max_size=8),
    st.floats(1, 50),
    st.floats(1, 100),
)
def test_groups_weigh_as_the_temperature_says_within_rounding(
    sizes: dict[str, int], temperature: float, most: float
) -> None:
    wanted = wanted_sizes(sizes, Balance(temperature=temperature, most=most))
    largest = max(sizes.values())
    for group, size in sizes.items():
        assert size <= wanted[group] <= most * size + 0.5
        full = largest * (size / largest) ** (1 / temperature)
        if full <= most * size:
            assert abs(wanted[group] - full) <= 0.5 + 1e-6 * full


def test_the_smaller_language_is_repeated_and_the_larger_one_is_whole(tmp_path: Path) -> None:
    result = exported(tmp_path, {"by": "language", "temperature": 2})
    receipts = read_lines(result.folder / "receipts.jsonl")
    assert Counter(language(Row.from_json(r)) for r in receipts if r["split"] == "train") == {
        "en": 64,
        "de": 16,
    }
    copies = [r for r in receipts if "copy" in r]
    assert {language(Row.from_json(r)) for r in copies} == {"de"}
    assert {r["split"] for r in copies} == {"train"}
    assert Counter(r["id"] for r in copies).most_common()[-1][1] == 3
    assert "but for 12 copies inside train." in " ".join(result.checks)
    assert "| de | 12 |" in (result.folder / "README.md").read_text()
    lines = (result.folder / "train.jsonl").read_bytes().splitlines()
    assert len(lines) == 80
    assert len(set(lines)) == 68
    assert set(lines[68:]) <= set(lines[:68])


def test_the_same_copies_each_time(tmp_path: Path) -> None:
    balance = {"by": "language", "temperature": 1.7}
    first, again = exported(tmp_path / "a", balance), exported(tmp_path / "b", balance)
    assert read_all(first.folder) == read_all(again.folder)


def test_a_row_stands_in_train_no_more_often_than_it_may(tmp_path: Path) -> None:
    result = exported(tmp_path, {"temperature": 100, "most": 2})
    assert result.files["train"] == 64 + 8


def test_a_temperature_of_one_changes_nothing(tmp_path: Path) -> None:
    assert exported(tmp_path, {"temperature": 1}).files["train"] == 68


def test_copies_of_what_would_be_test_stay_out_of_it(tmp_path: Path) -> None:
    """Without a holdout, test is cut from the drafts: its rows are not repeated, in neither file."""
    rows = [*tongues(), *[draft(row.conversation.messages) for row in drafts(60, start=900)]]
    run = make_run(
        tmp_path / "run",
        rows,
        export={"balance": {"temperature": 9}, "split": {"train": 0.6, "test": 0.4}},
    )
    result = export_run(run)
    receipts = read_lines(result.folder / "receipts.jsonl")
    test = {r["id"] for r in receipts if r["split"] == "test"}
    assert result.files["test"] == len(test) > 0
    assert not test & {r["id"] for r in receipts if r["split"] == "train"}


@pytest.mark.parametrize(("by", "copies"), [("label:topic", 6), ("stage", 0), ("source", 0)])
def test_groups_are_those_of_the_dimension(tmp_path: Path, by: str, copies: int) -> None:
    topics = ["rare"] * 2 + ["usual"] * 8
    rows = [replace(row, labels={"topic": topic}) for row, topic in zip(drafts(10), topics, strict=True)]
    result = exported(tmp_path, {"by": by, "temperature": 1000, "most": 9}, [HELD_OUT, *rows])
    assert result.files["train"] == 10 + copies
