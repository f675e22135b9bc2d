"""Which rows may leave at all. What people decided comes first, then what the recipe asks for."""

from __future__ import annotations

from synth.llm.base import Json
from synth.recipe.model import ExportOptions

_APPROVED = ("accepted", "edited", "restored")

# Why a kept row is not in an export, by the code under which it is counted.
REASONS = {
    "conflict": "annotators wrote different texts, and nobody has decided between them yet",
    "rejected": "a person rejected it",
    "seed": "it is a seed, and `export.seeds` is false",
    "not_reviewed": "nobody has reviewed it, and `export.only` is reviewed",
    "joins_splits": "it is a near-copy of a row in test, or was made from the same text: train gives way",
    "duplicate": "an earlier row is written exactly the same",
}


def is_given(receipt: Json) -> bool:
    """Whether people gave it whole: a seed, or a held-out row."""
    lineage = receipt["lineage"]
    return lineage["stage"] is None and lineage["origin"] in ("seed", "holdout")


def is_held_out(receipt: Json) -> bool:
    """Whether it was set aside before anything was drafted."""
    return is_given(receipt) and receipt["lineage"]["origin"] == "holdout"


def withheld_because(receipt: Json, options: ExportOptions) -> str | None:
    """The code of why a kept row does not leave, or None."""
    status = receipt["review"]["status"]
    if status in ("conflict", "rejected"):
        return str(status)
    if is_held_out(receipt):
        return None
    if is_given(receipt):
        return None if options.seeds else "seed"
    if options.only == "reviewed" and status not in _APPROVED:
        return "not_reviewed"
    return None
