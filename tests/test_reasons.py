"""Each code of a row is declared with a sentence by the stage that uses it, and JSON holds the code alone."""

from __future__ import annotations

import ast
from pathlib import Path

import orjson
import pytest

from synth.conversation import Conversation
from synth.exports.eligibility import WithheldReason
from synth.reasons import Action, Code, Reason
from synth.review.reasons import ReviewAction, ReviewReason
from synth.row import Dropped, Lineage, Row
from synth.stages.registry import STAGES

STAGE_FOLDERS = Path(__file__).parent.parent / "synth" / "stages"


class HouseReason(Reason):
    RUDE = "rude", "the answer is rude"


class HouseAction(Action):
    SOFTENED = "softened", "the answer was softened"


def declared(kind: str) -> list[Code]:
    options = STAGES.find(kind).options
    return [*options.reasons, *options.actions]


def used_in(kind: str) -> set[str]:
    """The members (`DedupeReason.NEAR_COPY`) that the code of a stage names one by one."""
    trees = [
        ast.parse(file.read_text()) for file in (STAGE_FOLDERS / kind).glob("*.py") if file.stem != "options"
    ]
    names = [
        ast.unparse(node) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    ]
    return {name for name in names if name.split(".")[0].endswith(("Reason", "Action"))}


@pytest.mark.parametrize("kind", STAGES.names)
def test_a_stage_declares_what_it_uses(kind: str) -> None:
    members = {f"{type(code).__name__}.{code.name}" for code in declared(kind)}
    assert used_in(kind) <= members


@pytest.mark.parametrize("kind", STAGES.names)
def test_a_stage_uses_the_codes_of_its_own(kind: str) -> None:
    own = {code for code in declared(kind) if type(code).__module__ == f"synth.stages.{kind}.reasons"}
    own -= {code for code in own if f"{type(code).__name__}({code.value!r})" in BY_VALUE}
    assert {f"{type(code).__name__}.{code.name}" for code in own} <= used_in(kind)


# `score` makes these out of how its judge is read.
BY_VALUE = {"ScoreAction('logprobs')", "ScoreAction('text')"}


def test_every_code_has_a_sentence_of_its_own() -> None:
    codes = [code for kind in STAGES.names for code in declared(kind)]
    for code in (*codes, *WithheldReason, *ReviewReason, *ReviewAction):
        assert len(code.sentence.split()) >= 3, code
        assert code.sentence[-1] not in ".!", code


def test_json_holds_the_code() -> None:
    row = Row("1", Conversation(), Lineage("seed")).with_event("house", HouseAction.SOFTENED)
    row = row.dropped("house", HouseReason.RUDE, "it shouts")
    receipt = row.to_json()
    assert (receipt["reason"], receipt["history"][0]["did"]) == ("rude", ["softened"])
    assert {type(receipt["reason"]), type(receipt["history"][0]["did"][0])} == {str}
    assert orjson.dumps({row.reason: 1}) == b'{"rude":1}'
    assert isinstance(row.outcome, Dropped)
    assert row.outcome.reason is HouseReason.RUDE


def test_a_code_that_nobody_knows_any_more_is_read() -> None:
    row = Row("1", Conversation(), Lineage("seed")).dropped("house", HouseReason.RUDE)
    read = Row.from_json(row.to_json() | {"reason": "forgotten"})
    assert read.reason == "forgotten"
    assert read.to_json()["reason"] == "forgotten"
    assert Row.from_json(row.to_json()) == row


def test_copies_say_so() -> None:
    copies = {
        (kind, str(code))
        for kind in STAGES.names
        for code in STAGES.find(kind).options.reasons
        if code.is_copy
    }
    assert copies == {
        ("dedupe", "exact_copy"), ("dedupe", "near_copy"), ("dedupe", "near_holdout"),
        ("generate", "not_novel"), ("target_failures", "not_novel"), ("paraphrase", "copy"),
    }  # fmt: skip
