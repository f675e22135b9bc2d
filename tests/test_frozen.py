"""No stage can change what another one sees of a row: its lists and dictionaries are frozen."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import orjson
import pytest
from conftest import seed_lines

import synth
from synth.api import export, run_with_result
from synth.conversation import Conversation
from synth.frozen import FrozenDict, freeze, thaw
from synth.row import Candidate, Event, Kept, Lineage, Row
from tests.made_row import made_row

CALL = {"id": "c1", "function": {"name": "find", "arguments": {"tags": ["a"]}}}


MESSAGE = {"role": "user", "content": "?"}


def full_row() -> Row:
    return made_row(
        "a1",
        [
            {"role": "user", "content": "Where?"},
            {"role": "assistant", "content": "Here.", "tool_calls": [CALL]},
        ],
        Lineage("seed", sampling={"stop": ["x"]}, source={"file": "a.md"}),
        tools=[{"function": {"name": "find"}}],
        candidates=[{"content": "There."}],
        scores={"quality": 4.0},
        labels={"topic": "place", "tags": ["a"]},
        history=[{"stage": "redact", "did": ["email"], "found": ["a"]}],
    )


CHANGES: dict[str, Callable[[Any], object]] = {
    "drop it": lambda row: setattr(row, "outcome", Kept()),
    "give it another conversation": lambda row: setattr(row, "conversation", Conversation()),
    "append a candidate": lambda row: row.candidates.append(Candidate("No.")),
    "change a candidate": lambda row: setattr(row.candidates[0], "score", 1.0),
    "append an event": lambda row: row.history.append(Event("mine", ["looked"])),
    "change what an event did": lambda row: row.history[0].did.append("phone"),
    "change an event": lambda row: setattr(row.history[0], "stage", "mine"),
    "change what belongs to an event": lambda row: row.history[0].details["found"].append("b"),
    "append a message": lambda row: row.conversation.messages.append(MESSAGE),
    "replace a message": lambda row: row.conversation.messages.__setitem__(0, MESSAGE),
    "change the messages": lambda row: setattr(row.conversation, "messages", (MESSAGE,)),
    "change a message": lambda row: row.conversation.messages[0].__setitem__("content", "?"),
    "change a call": lambda row: row.conversation.messages[1]["tool_calls"][0]["function"].pop("name"),
    "change a tool": lambda row: row.conversation.tools[0]["function"].clear(),
    "set a score": lambda row: row.scores.__setitem__("quality", 1.0),
    "delete a score": lambda row: row.scores.__delitem__("quality"),
    "merge into the scores": lambda row: row.scores.__ior__({"quality": 1.0}),
    "set a label": lambda row: row.labels.setdefault("new", True),
    "remove a label": lambda row: row.labels.popitem(),
    "append to a label": lambda row: row.labels["tags"].append("b"),
    "change the sampling": lambda row: row.lineage.sampling.update(top_p=1),
    "change the source": lambda row: row.lineage.source.update(file="b.md"),
    "change the lineage": lambda row: setattr(row.lineage, "topic", "other"),
    "change the review": lambda row: setattr(row.review, "status", "accepted"),
}  # fmt: skip

# What a tuple says that is asked to append, a `FrozenDict` and a frozen dataclass.
REFUSALS = "no attribute 'append'|does not support item|no attribute '__setitem__'|in place|cannot assign to"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_row_is_not_changed_in_place(change: Callable[[Any], object]) -> None:
    row = full_row()
    before = orjson.dumps(row.to_json())
    with pytest.raises((TypeError, AttributeError, FrozenInstanceError), match=REFUSALS):
        change(row)
    assert orjson.dumps(row.to_json()) == before


def test_what_a_row_is_made_from_is_no_longer_its_makers() -> None:
    scores, labels, message, candidates = {"a": 1.0}, {"tags": ["a"]}, dict(MESSAGE), [Candidate("Mine.")]
    messages, details = [message], {"found": ["a"]}
    parts: dict[str, Any] = {"candidates": candidates, "scores": scores, "labels": labels}
    row = Row("a1", Conversation(messages), Lineage("seed"), **parts)
    row = row.with_event("mine", "looked", **details)
    before = orjson.dumps(row.to_json())
    candidates.append(Candidate("Late."))
    scores["a"], message["content"] = 2.0, "Late?"
    messages.append(message)
    labels["tags"].append("late")
    details["found"].append("late")
    assert orjson.dumps(row.to_json()) == before


def test_a_change_is_a_new_row() -> None:
    held = full_row()
    row = held.with_event("mine", "looked").with_score("other", 1.0).with_reply("Over there.")
    assert [event.stage for event in held.history] == ["redact"]
    assert held.scores == {"quality": 4.0}
    assert held.conversation.answer == "Here."
    assert row.history[-1] == Event("mine", ("looked",))
    assert row.conversation.messages[-1] == {"role": "assistant", "content": "Over there."}
    assert held.pending
    assert row.dropped("mine", "short").status == "dropped"


def test_frozen_json_is_the_same_json() -> None:
    value = {"a": [1, {"b": [None, "x"]}], "c": {}}
    frozen = freeze(value)
    assert orjson.dumps(frozen) == orjson.dumps(value)
    assert freeze(frozen) is frozen
    assert thaw(frozen) == value
    assert type(copy.deepcopy(frozen)) is type(pickle.loads(pickle.dumps(frozen))) is dict
    assert isinstance(frozen, FrozenDict)


def test_the_speed_of_models_changes_no_candidate(tmp_path: Path) -> None:
    """A row is reworded while it gets candidates: these do not depend on which was quicker."""
    (tmp_path / "seeds.jsonl").write_text("\n".join(seed_lines(20)) + "\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: race\nmodels:\n  writer: {provider: fake}\n  judge: {provider: fake, model: judge}\n"
        "  answerer: {provider: fake, model: answerer}\nsources: {seeds: seeds.jsonl}\nstages:\n"
        "  - paraphrase: {variants: 1, styles: [], languages: [French], ask_judge: false}\n"
        "  - respond: {n: 3, models: [answerer]}\n  - score: {rubric: quality}\n"
    )
    exports = []
    for writer, answerer in ((0.0, 0.05), (0.05, 0.0)):
        out = tmp_path / f"out{writer}"
        speeds = [f"models.writer.delay={writer}", f"models.answerer.delay={answerer}"]
        assert run_with_result(recipe, out, settings=speeds).error is None
        folder = export(out, format="trl-dpo").folder
        exports.append(
            {f: (folder / f).read_bytes() for f in ("train.jsonl", "test.jsonl", "receipts.jsonl")}
        )
    assert exports[0]["train.jsonl"]
    assert exports[0] == exports[1]
    # No answer to the row itself is among the candidates of its rewording.
    rows = {row["id"]: row for row in synth.open(tmp_path / "out0.0").rows()}
    for row in rows.values():
        for parent in row["lineage"]["parents"]:
            asked = [{c.get("request") for c in r["candidates"]} - {None} for r in (row, rows[parent])]
            assert asked[0]
            assert not asked[0] & asked[1]
