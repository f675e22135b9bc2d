"""What a decision does to other rows: paraphrases follow the row that they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from synth.conversation import Conversation
from synth.review.settle import Decision
from synth.review.verdicts import Verdicts
from synth.row import Dropped, Kept, Lineage, Row
from synth.store import Shown

STAGES = (("generate", "generate"), ("paraphrase", "reword"), ("evolve", "evolve"))


def row(name: str, stage: str, answer: str, parents: Sequence[str] = ()) -> Row:
    messages = [{"role": "user", "content": f"{name}?"}, {"role": "assistant", "content": answer}]
    return Row(name, Conversation(messages), Lineage("seed", parents, stage=stage), Kept())


SOURCE = row("source", "generate", "old")
REWORDED = row("reworded", "reword", "old", ["source"])
AGAIN = row("again", "reword", "old", ["reworded"])
EVOLVED = row("evolved", "evolve", "another answer", ["source"])
OF_EVOLVED = row("of_evolved", "reword", "another answer", ["evolved"])


def verdicts(**decisions: Decision) -> Verdicts:
    made = Verdicts(decisions, STAGES)
    for each in (REWORDED, AGAIN, EVOLVED, OF_EVOLVED):
        made.note(each.id, each.lineage.stage, each.lineage.parents)
    return made


def decision(draft: Row, status: Any, answer: str | None = None) -> Decision:
    return Decision(Shown("p", draft.id, "random", 1, draft), status, ("ann",), "now", answer)


def answer_of(made: Verdicts, each: Row) -> str | None:
    reviewed = made.reviewed(each, None)
    return reviewed.row.conversation.answer if reviewed else None


def test_paraphrases_take_over_an_edited_answer() -> None:
    made = verdicts(source=decision(SOURCE, "edited", "new"))
    assert answer_of(made, REWORDED) == "new"
    assert answer_of(made, AGAIN) == "new"
    reviewed = made.reviewed(REWORDED, None)
    assert reviewed is not None
    assert reviewed.row.conversation.prompt_text == "reworded?"
    assert reviewed.row.history[-1].to_json() == {
        "stage": "review",
        "did": ["took_over_answer"],
        "from": "source",
        "by": ["ann"],
        "before": "old",
    }
    assert REWORDED.conversation.answer == "old"


def test_what_has_an_answer_of_its_own_keeps_it() -> None:
    made = verdicts(source=decision(SOURCE, "edited", "new"))
    assert made.reviewed(EVOLVED, None) is None
    assert made.reviewed(OF_EVOLVED, None) is None


def test_paraphrases_of_a_rejected_row_go() -> None:
    made = verdicts(source=decision(SOURCE, "rejected"))
    for each in (REWORDED, AGAIN):
        reviewed = made.reviewed(each, None)
        assert reviewed is not None
        gone = reviewed.row
        assert (gone.status, gone.stage, gone.reason) == ("dropped", "review", "parent rejected")
        assert "ann" in (gone.detail or "")
        assert not reviewed.person
    assert made.reviewed(EVOLVED, None) is None


def test_a_decision_of_its_own_comes_first() -> None:
    made = verdicts(source=decision(SOURCE, "rejected"), reworded=decision(REWORDED, "accepted"))
    reviewed = made.reviewed(REWORDED, None)
    assert reviewed is not None
    assert reviewed.row.status == "kept"
    # And the one that was made from it follows the nearer one.
    assert made.reviewed(AGAIN, None) is None


def test_an_accepted_source_changes_nothing() -> None:
    assert verdicts(source=decision(SOURCE, "accepted")).reviewed(REWORDED, None) is None


def test_a_row_that_stages_dropped_stays_dropped_where_its_source_was_edited() -> None:
    made = verdicts(source=decision(SOURCE, "edited", "new"))
    assert made.reviewed(replace(REWORDED, outcome=Dropped("dedupe", "near_copy")), 3) is None


def test_only_what_keeps_other_rows_changes_the_digest() -> None:
    accepted = verdicts(source=decision(SOURCE, "accepted")).digest
    assert accepted == verdicts(source=decision(SOURCE, "edited", "new")).digest
    assert accepted != verdicts(source=decision(SOURCE, "rejected")).digest
    assert verdicts().digest == verdicts(source=decision(SOURCE, "conflict")).digest
