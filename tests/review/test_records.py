"""What annotators see of a row, in each of the tasks that come with synth."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from synth.errors import InputError
from synth.frozen import thaw
from synth.llm.base import Json
from synth.review.records import ReviewRecord, Unfit, record_of
from synth.review.tasks import FieldSpec, load_task
from synth.row import Lineage, Row
from tests.made_row import made_row

PASSAGE = "Refunds take five days."


def draft(number: int = 1, **more: Any) -> Row:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How long do refunds take?"},
        {"role": "assistant", "content": "Five days."},
    ]
    lineage = Lineage("document", ("passage 7",), stage="backtranslate", model="m")
    return made_row(f"{number:016x}", messages, lineage, **{"status": "kept", **more})


def record(task: str, row: Row, **how: Any) -> ReviewRecord:
    return record_of(row, load_task(task), **{"hide_scores": False, "seed": 1, **how})


def test_edit_suggests_the_draft() -> None:
    made = record("edit", draft(scores={"quality": 4.25}, cluster="c"))
    assert made.fields == {"prompt": thaw(draft().conversation.messages[:2])}
    assert made.suggestions == {"response": "Five days."}
    assert made.metadata == {
        "stage": "backtranslate", "model": "m", "score": 4.25, "cluster": "c", "length": 10
    }  # fmt: skip


def test_hidden_scores_leave_no_trace() -> None:
    row = draft(scores={"quality": 4.25}, candidates=candidates())
    for task in ("edit", "preference"):
        shown = record(task, row, hide_scores=True)
        assert not {"score", "margin"} & set(shown.metadata)
        assert "4.25" not in str(shown)


def test_pair_shows_the_passage_and_is_unfit_without_one() -> None:
    history = [{"stage": "backtranslate", "did": ["drafted"], "source": PASSAGE}]
    made = record("pair", draft(history=history))
    assert made.fields == {"source": PASSAGE, "question": "How long do refunds take?"}
    assert made.suggestions == {"instruction": "How long do refunds take?", "response": "Five days."}
    assert made.metadata["document"] == "passage 7"
    with pytest.raises(Unfit, match="'source'"):
        record("pair", draft())


def candidates(count: int = 3) -> list[Json]:
    texts = ("Five days.", "A week.", "Soon.", "Never.", "Maybe.")
    return [{"content": text, "model": "m", "score": 4.0 - n} for n, text in enumerate(texts[:count])]


def test_candidates_stand_where_chance_puts_them() -> None:
    first: Counter[str] = Counter()
    for number in range(300):
        made = record("preference", draft(number, candidates=candidates()))
        shown = tuple(made.fields[letter] for letter in "abc")
        assert shown == made.order
        assert sorted(shown) == ["A week.", "Five days.", "Soon."]
        assert "d" not in made.fields
        assert record("preference", draft(number, candidates=candidates())).order == made.order
        first[shown[0]] += 1
    assert all(70 < count < 130 for count in first.values())


def test_at_most_four_candidates_with_the_rows_own_among_them() -> None:
    made = record("preference", draft(candidates=candidates(5)[1:]))
    assert len(made.order) == 4
    assert "Five days." in made.order
    with pytest.raises(Unfit, match="'a'"):
        record("preference", draft(candidates=candidates(1)))


def test_label_suggests_the_rows_class() -> None:
    assert record("label", draft(labels={"label": "refund"})).suggestions == {"label": "refund"}
    assert record("label", draft()).suggestions == {"label": "Five days."}


def test_a_call_of_a_tool_is_shown() -> None:
    row = draft()
    call = {"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    asked, answer = row.conversation.messages[:2], row.conversation.messages[2:]
    calls = {"role": "assistant", "content": None, "tool_calls": [call]}
    row = replace(row, conversation=row.conversation.with_messages((*asked, calls, *answer)))
    assert "find" in record("edit", row).fields["prompt"][2]["content"]


def test_a_field_that_no_row_has_is_told() -> None:
    task = load_task("edit")
    task = task.model_copy(update={"fields": (*task.fields, FieldSpec(name="colour", type="text"))})
    with pytest.raises(InputError, match="no row has a field 'colour'"):
        record_of(draft(), task, hide_scores=False, seed=1)


def test_versions_stand_beside_each_other() -> None:
    made = record("edit", draft(), versions={"bob": "Two.", "ann": "One."})
    assert made.fields["versions"] == "**ann**\n\nOne.\n\n**bob**\n\nTwo."
