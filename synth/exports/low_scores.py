"""Warns about exported drafts that have a judge's lowest score."""

from __future__ import annotations

from synth.llm.base import Json
from synth.store import RunReader

# The packaged rubrics. A run folder does not store the levels of other rubrics.
_LOWEST, _HIGHEST = 1, 5
_RUBRICS = frozenset({"quality", "quality_together", "correct", "complete", "grounded", "tone"})
# A score read from token probabilities is an expectation over the levels.
_NEAR = 0.5


def low_score_warning(reader: RunReader) -> list[str]:
    """One warning for each `score` without `keep` that gave kept drafts the lowest score."""
    keys = [key for stage in reader.recipe["stages"] for key in _marks(stage)]
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


def _marks(stage: Json) -> list[str]:
    """The keys of the scores that the stage gives on packaged rubrics, if it drops nothing by them."""
    options = stage["options"]
    if "rubric" not in options or options["keep"] is not None:
        return []
    name = options["as"]
    if rubrics := options.get("rubrics"):
        return [f"{name}.{rubric}" if name else rubric for rubric in rubrics if rubric in _RUBRICS]
    return [name or options["rubric"]] if options["rubric"] in _RUBRICS else []
