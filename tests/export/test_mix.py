"""Mixing: exact weights up to rounding, no copies of own rows, the same rows each time, and their
provenance.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from export_runs import chat, drafts, held_out, make_run, read_all, read_lines
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from synth.errors import ExportError, SourceError
from synth.exports import ExportResult, export_run
from synth.exports.mix import choose, wanted_rows
from synth.recipe.model import MixSource
from synth.row import Row
from synth.sources import read_rows
from synth.stable_hash import fraction
from synth.text.similarity.near_duplicates import NearDuplicateIndex

OURS = "Please tell me how I can cancel my booking for next Tuesday afternoon at the studio"


def general(folder: Path, count: int, name: str = "general.jsonl") -> None:
    """A file of general rows: a near-copy of our holdout, then drafts that have nothing in common."""
    rows = [{"instruction": OURS + "s", "response": "x"}]
    rows += [
        {
            "instruction": row.conversation.messages[0]["content"],
            "response": row.conversation.messages[1]["content"],
        }
        for row in drafts(count, start=5000)
    ]
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def mixed(tmp_path: Path, name: str = "run", form: str = "trl-sft", **mix: object) -> ExportResult:
    rows = [held_out(chat(OURS, "Like this.")), *drafts(60)]
    source = {"source": "general.jsonl", **mix}
    run = make_run(tmp_path / name, rows, export={"mix": [source], "system": "Ours."})
    return export_run(run, format=form, base=tmp_path)


@given(
    st.integers(0, 10**6),
    st.lists(st.floats(0.01, 0.2), max_size=4),
    st.lists(st.integers(1, 1000), max_size=3),
)
def test_weights_are_kept_within_rounding(own: int, weights: list[float], rows: list[int]) -> None:
    sources = [MixSource(source="a", weight=w) for w in weights] + [
        MixSource(source="b", rows=n) for n in rows
    ]
    wanted = wanted_rows(sources, own)
    total = own + sum(wanted)
    for weight, count in zip(weights, wanted, strict=False):
        assert abs(count - weight * total) <= 0.5 + weight * 0.5 * len(weights)
    assert wanted[len(weights) :] == rows


def test_general_rows_join_train_alone_and_say_where_they_come_from(tmp_path: Path) -> None:
    general(tmp_path, 100)
    result = mixed(tmp_path, weight=0.25, license="cc-by-4.0")
    assert result.files == {"train": 80, "test": 1}
    receipts = read_lines(result.folder / "receipts.jsonl")
    assert [r["split"] for r in receipts if r.get("mixed") == "general.jsonl"] == ["train"] * 20
    lines = read_lines(result.folder / "train.jsonl")
    assert [row["prompt"][0]["role"] for row in lines] == ["system"] * 60 + ["user"] * 20
    assert OURS + "s" not in json.dumps(lines)
    assert "| general.jsonl | train | 20 | cc-by-4.0 |" in (result.folder / "README.md").read_text()


def test_the_same_rows_each_time_and_mostly_the_same_when_more_are_wanted(tmp_path: Path) -> None:
    general(tmp_path, 100)
    few, again = mixed(tmp_path, rows=10), mixed(tmp_path, "again", rows=10)
    assert read_all(few.folder) == read_all(again.folder)
    more = mixed(tmp_path, "more", rows=20)
    ids = [
        {r["id"] for r in read_lines(result.folder / "receipts.jsonl") if "mixed" in r}
        for result in (few, more)
    ]
    assert len(ids[0]) == 10
    assert ids[0] < ids[1]


def test_a_weight_too_small_for_a_single_row_gives_none(tmp_path: Path) -> None:
    general(tmp_path, 5)
    result = mixed(tmp_path, weight=0.001)
    assert result.files["train"] == 60


def test_general_rows_of_both_splits_are_different_ones(tmp_path: Path) -> None:
    general(tmp_path, 30)
    mix = [
        {"source": "general.jsonl", "rows": 25},
        {"source": "general.jsonl", "rows": 20, "split": "test"},
    ]
    rows = [held_out(chat(OURS, "Like this.")), *drafts(60)]
    result = export_run(make_run(tmp_path / "run", rows, export={"mix": mix}), base=tmp_path)
    assert result.files == {"train": 70, "test": 21}
    receipts = read_lines(result.folder / "receipts.jsonl")
    ids = {
        side: {r["id"] for r in receipts if "mixed" in r and r["split"] == side} for side in ("train", "test")
    }
    assert ids["train"].isdisjoint(ids["test"])
    assert "general.jsonl gave 10 rows to mix in, not 25." in result.warnings
    card = (result.folder / "README.md").read_text()
    assert "the holdout: 1 real rows" in card
    assert "20 rows of `test` are general data" in card


def test_a_weight_of_tokens_takes_as_few_rows_as_make_it_up(tmp_path: Path) -> None:
    general(tmp_path, 40)
    source = MixSource(source="general.jsonl", tokens=100)

    def tokens(row: Row) -> int:
        return len(row.conversation.prompt_text) % 7 + 1

    share = choose(source, 100, tmp_path, NearDuplicateIndex(), tokens)
    read = read_rows("general.jsonl", tmp_path, "seed", answered=True)
    rows = sorted(read, key=lambda r: fraction("split", r.id))
    few = rows[: len(share.ids)]
    assert share.ids == {row.id for row in few}
    assert share.given == sum(map(tokens, few)) >= 100 > sum(map(tokens, few[:-1]))


def test_tokens_need_a_model_to_count_them(tmp_path: Path) -> None:
    general(tmp_path, 5)
    with pytest.raises(ExportError, match=r"export.mix: counting tokens needs the tokenizer of the model"):
        mixed(tmp_path, tokens=100)


@pytest.mark.parametrize("amounts", [{}, {"rows": 3, "weight": 0.1}, {"tokens": 3, "rows": 3}])
def test_an_amount_is_said_in_one_way(amounts: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="needs one of `rows`, `tokens` and `weight`"):
        MixSource(source="general.jsonl", **amounts)  # type: ignore[arg-type]


def test_a_source_that_is_too_small_is_said_to_be(tmp_path: Path) -> None:
    general(tmp_path, 3)
    result = mixed(tmp_path, rows=10)
    assert result.files["train"] == 63
    assert "general.jsonl gave 3 rows to mix in, not 10." in result.warnings


def test_preferences_cannot_be_mixed_with_rows_that_have_none(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="general data has none"):
        mixed(tmp_path, form="trl-dpo", rows=3)


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        mixed(tmp_path, rows=3)
