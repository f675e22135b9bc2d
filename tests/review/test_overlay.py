"""The effect of a decision on other rows: paraphrases follow their source row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from synth.conversation import Conversation
from synth.review.aggregate import Decision
from synth.review.overlay import DecisionOverlay
from synth.row import Dropped, Kept, Lineage, Row
from synth.store import ShownRow


def row(name: str, stage: str, answer: str, parents: Sequence[str] = ()) -> Row:
    messages = [{"role": "user", "content": f"{name}?"}, {"role": "assistant", "content": answer}]
    return Row(name, Conversation(messages), Lineage("seed", parents, stage=stage), Kept())


SOURCE = row("source", "generate", "old")
REWORDED = row("reworded", "reword", "old", ["source"])
AGAIN = row("again", "reword", "old", ["reworded"])
EVOLVED = row("evolved", "evolve", "another answer", ["source"])
OF_EVOLVED = row("of_evolved", "reword", "another answer", ["evolved"])


def overlay_with(**decisions: Decision) -> DecisionOverlay:
    made = DecisionOverlay(decisions, stages=3, sharing=["reword"])
    for each in (REWORDED, AGAIN, EVOLVED, OF_EVOLVED):
        made.note(each.id, each.lineage.stage, each.lineage.parents)
    return made


def decision(draft: Row, status: Any, answer: str | None = None) -> Decision:
    return Decision(ShownRow("p", draft.id, "random", 1, draft), status, ("ann",), "now", answer)


def answer_of(made: DecisionOverlay, each: Row) -> str | None:
    overlay = made.over(each, None)
    return overlay.row.conversation.answer if overlay else None


def test_paraphrases_take_over_an_edited_answer() -> None:
    made = overlay_with(source=decision(SOURCE, "edited", "new"))
    assert answer_of(made, REWORDED) == "new"
    assert answer_of(made, AGAIN) == "new"
    overlay = made.over(REWORDED, None)
    assert overlay is not None
    assert overlay.row.conversation.prompt_text == "reworded?"
    assert overlay.row.history[-1].to_json() == {
        "stage": "review",
        "did": ["took_over_answer"],
        "from": "source",
        "by": ["ann"],
        "before": "old",
    }
    assert REWORDED.conversation.answer == "old"


def test_what_has_an_answer_of_its_own_keeps_it() -> None:
    made = overlay_with(source=decision(SOURCE, "edited", "new"))
    assert made.over(EVOLVED, None) is None
    assert made.over(OF_EVOLVED, None) is None


def test_paraphrases_of_a_rejected_row_go() -> None:
    made = overlay_with(source=decision(SOURCE, "rejected"))
    for each in (REWORDED, AGAIN):
        overlay = made.over(each, None)
        assert overlay is not None
        gone = overlay.row
        assert (gone.status, gone.stage, gone.reason) == ("dropped", "review", "parent rejected")
        assert "ann" in (gone.detail or "")
    assert made.over(EVOLVED, None) is None


def test_a_decision_of_its_own_comes_first() -> None:
    made = overlay_with(source=decision(SOURCE, "rejected"), reworded=decision(REWORDED, "accepted"))
    overlay = made.over(REWORDED, None)
    assert overlay is not None
    assert overlay.row.status == "kept"
    # And the one that was made from it follows the nearer one.
    assert made.over(AGAIN, None) is None


def test_an_accepted_source_changes_nothing() -> None:
    assert overlay_with(source=decision(SOURCE, "accepted")).over(REWORDED, None) is None


def test_a_row_that_stages_dropped_stays_dropped_where_its_source_was_edited() -> None:
    made = overlay_with(source=decision(SOURCE, "edited", "new"))
    assert made.over(replace(REWORDED, outcome=Dropped("dedupe", "near_copy")), 3) is None


def test_only_what_keeps_other_rows_changes_the_digest() -> None:
    accepted = overlay_with(source=decision(SOURCE, "accepted")).digest
    assert accepted == overlay_with(source=decision(SOURCE, "edited", "new")).digest
    assert accepted != overlay_with(source=decision(SOURCE, "rejected")).digest
    assert overlay_with().digest == overlay_with(source=decision(SOURCE, "conflict")).digest
