"""Which rows may leave at all. What people decided comes first, then what the recipe asks for."""

from __future__ import annotations

from synth.exports.example import ExampleKind
from synth.recipe.model import ExportOptions
from synth.row import Row

# Why a kept row is not in an export, by the code under which it is counted.
REASONS = {
    "conflict": "annotators wrote different texts, and nobody has decided between them yet",
    "rejected": "a person rejected it",
    "seed": "it is a seed, and `export.seeds` is false",
    "not_reviewed": "nobody has reviewed it, and `export.only` is reviewed",
    "joins_splits": "it is a near-copy of a row in test, or was made from the same text: train gives way",
    "duplicate": "an earlier row is written exactly the same",
    "unfit": "the format cannot express it, and `export.unfit` is withhold",
    "too_long": "it has more tokens than `export.max_length`, and would be cut or dropped by the trainer",
    "no_pair": "there are no two answers to its prompt that people or a judge tell apart",
    "no_judgement": "neither a person nor a judge has said whether its answer is good",
}


def withheld_because(row: Row, options: ExportOptions, kind: ExampleKind) -> str | None:
    """The code of why a kept row does not leave, or None."""
    status = row.review.status
    if status == "conflict" or (status == "rejected" and kind != "judgement"):
        return status
    if row.given:
        return None if options.seeds or row.held_out else "seed"
    if options.only == "reviewed" and not row.review.approved and status != "rejected":
        return "not_reviewed"
    return None
