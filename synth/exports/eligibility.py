"""Decides which rows may be exported: people's decisions first, then the recipe's options."""

from __future__ import annotations

from synth.exports.example import ExampleKind
from synth.reasons import Reason
from synth.recipe.model import ExportOptions
from synth.row import Row


class WithheldReason(Reason):
    """Why a kept row is not in an export."""

    CONFLICT = "conflict", "annotators wrote different texts, and nobody has decided between them yet"
    REJECTED = "rejected", "a person rejected it"
    SEED = "seed", "it is a seed, and `export.seeds` is false"
    NOT_REVIEWED = "not_reviewed", "nobody has reviewed it, and `export.only` is reviewed"
    JOINS_SPLITS = "joins_splits", "it is a near-copy of a row in test, or was made from the same text as one"
    DUPLICATE = "duplicate", "an earlier row is exactly the same"
    UNFIT = "unfit", "the format cannot express it, and `export.on_unsupported` is withhold"
    TOO_LONG = (
        "too_long",
        "it has more tokens than `export.max_length`, and would be cut or dropped by the trainer",
    )
    NO_PAIR = "no_pair", "there are no two answers to its prompt that people or a judge tell apart"
    NO_JUDGEMENT = "no_judgement", "neither a person nor a judge has said whether its answer is good"


def withheld_because(row: Row, options: ExportOptions, kind: ExampleKind) -> WithheldReason | None:
    """The reason why a kept row is not exported, or None."""
    status = row.review.status
    if status == "conflict" or (status == "rejected" and kind != "judgement"):
        return WithheldReason(status)
    if row.given:
        return None if options.seeds or row.held_out else WithheldReason.SEED
    if options.only == "reviewed" and not row.review.approved and status != "rejected":
        return WithheldReason.NOT_REVIEWED
    return None
