"""Warns about exported drafts that have a judge's lowest score."""

from __future__ import annotations

from synth.llm.base import Json
from synth.store import RunReader

# The packaged rubrics. A run folder does not store the levels of other rubrics.
_LOWEST, _HIGHEST, _RUBRICS = 1, 5, ("quality", "quality_together")
# A score read from token probabilities is an expectation over the levels.
_NEAR = 0.5


def low_score_warning(reader: RunReader) -> list[str]:
    """One warning for each `score` without `keep` that gave kept drafts the lowest score."""
    keys = [_key(stage["options"]) for stage in reader.recipe["stages"] if _only_marks(stage)]
    if not keys:
        return []
    drafts = lowest = 0
    for row in reader.rows(status="kept"):
        if row.lineage.stage and row.review.status in ("none", "pending"):
            drafts += 1
            lowest += any(row.scores.get(key, _HIGHEST) < _LOWEST + _NEAR for key in keys)
    if not lowest:
        return []
    return [
        f"{lowest} of {drafts} drafts have the lowest score ({', '.join(keys)} {_LOWEST} of {_HIGHEST})."
        ' `score` drops such rows with `keep: ">= 4"`; without `keep` it only marks them.'
    ]


def _only_marks(stage: Json) -> bool:
    options = stage["options"]
    return options.get("rubric") in _RUBRICS and options["keep"] is None


def _key(options: Json) -> str:
    return str(options["as"] or options["rubric"])
