"""Selects the rows to review. Deterministic: the same rows, recipe and seed give the same selection.

Selection uses the rows as the stages left them, so decisions do not change which rows are shown next.
Seeds and held-out rows are trusted and never shown. The shares, in the order in which they are drawn:

- `random`: a simple random sample of the kept drafts, at least a tenth, so that estimates about all drafts
  are unbiased. These records hide their scores.
- `uncertain`: kept drafts that reach the bar with a probability nearest one half (for a score as written:
  whose score is nearest the bar), on which judges differ most, or whose best two candidates are the closest.
- `diverse`: one kept draft a cluster.
- `dropped`: a simple random sample of what a judge dropped, so that false rejections can be counted and
  undone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from synth.recipe.model import Recipe, ReviewOptions
from synth.row import Row
from synth.stable_hash import rank

_LEAST_RANDOM = 0.1


@dataclass(frozen=True, slots=True)
class Picked:
    """A row to review, its share of the sample, and the number of annotators who are to read it."""

    row: str
    share: str
    needed: int


@dataclass(frozen=True, slots=True)
class Judging:
    """The recipe's scores: the threshold of each, and the panels of judges with one rubric.

    `copies` are the stages and reasons that drop a row as a copy. People cannot restore such a row: it would
    duplicate a text, or put a held-out text into train.
    """

    bars: Mapping[str, float]
    panels: Sequence[Sequence[str]]
    copies: Collection[tuple[str | None, str | None]] = ()


@dataclass(frozen=True, slots=True)
class _Draft:
    """The parts of a row that selection needs."""

    row: str
    kept: bool
    scores: Mapping[str, float]
    chances: Mapping[str, float]
    candidates: Sequence[float]
    cluster: str


def judging_of(recipe: Recipe) -> Judging:
    """The thresholds and panels of the recipe's judges."""
    bars: dict[str, float] = {}
    panels: dict[str, list[str]] = {}
    for stage in recipe.stages:
        for score in stage.options.given_scores:
            panels.setdefault(score.rubric, []).append(score.key)
            if score.threshold is not None:
                bars[score.key] = score.threshold
    copies = {
        (stage.name, str(reason))
        for stage in recipe.stages
        for reason in stage.options.reasons
        if reason.is_copy
    }
    return Judging(bars, list(panels.values()), copies)


def select(rows: Iterable[Row], options: ReviewOptions, judging: Judging, seed: int) -> list[Picked]:
    """The rows to review, by id. `rows` are all rows of the run, as the stages left them."""
    drafts = [draft for row in rows if (draft := _reviewable(row, judging))]
    kept = [draft for draft in drafts if draft.kept]
    dropped = [draft for draft in drafts if not draft.kept]
    wanted = len(drafts) if options.rows == "all" else min(options.rows, len(drafts))
    shares = _Shares(kept, dropped, _uncertainties(drafts, judging), seed)
    weights = _weights(options)
    picked = shares.draw(_apportion(wanted, weights), wanted, dropped_too=weights["dropped"] > 0)
    overlapping = set()
    if options.annotators > 1:
        by_chance = sorted(picked, key=lambda row: rank(seed, "review", "overlap", row))
        overlapping = set(by_chance[: round(options.overlap * len(picked))])
    return [
        Picked(row, share, options.annotators if row in overlapping else 1)
        for row, share in sorted(picked.items())
    ]


class _Shares:
    """Draws each share from the rows that earlier shares left."""

    def __init__(
        self,
        kept: Sequence[_Draft],
        dropped: Sequence[_Draft],
        uncertainties: Mapping[str, float],
        seed: int,
    ) -> None:
        self._dropped = sorted((d.row for d in dropped), key=lambda row: rank(seed, "review", "dropped", row))
        self._random = sorted((d.row for d in kept), key=lambda row: rank(seed, "review", "random", row))
        self._uncertain = sorted(
            (d.row for d in kept if d.row in uncertainties),
            key=lambda row: (-uncertainties[row], rank(seed, "review", "uncertain", row)),
        )
        self._diverse = _one_a_cluster(kept, seed)

    def draw(self, counts: Mapping[str, int], wanted: int, *, dropped_too: bool) -> dict[str, str]:
        """Each row's share. If a share cannot be filled, the random share grows instead."""
        more = 0
        while True:
            picked = dict.fromkeys(self._random[: counts["random"] + more], "random")
            for share, rows in (
                ("uncertain", self._uncertain),
                ("diverse", self._diverse),
                ("dropped", self._dropped),
            ):
                free = [row for row in rows if row not in picked]
                picked |= dict.fromkeys(free[: counts[share]], share)
            missing = wanted - len(picked)
            if missing <= 0 or counts["random"] + more >= len(self._random):
                break
            more += missing
        # All kept rows are selected, so the rest can only be dropped rows.
        spare = [row for row in self._dropped if row not in picked] if dropped_too else []
        return picked | dict.fromkeys(spare[: max(missing, 0)], "dropped")


def _reviewable(row: Row, judging: Judging) -> _Draft | None:
    if row.given or not (row.conversation.answer or "").strip():
        return None
    kept = row.status == "kept"
    if not kept and (row.status != "dropped" or not _judged(row, judging)):
        return None
    marks = sorted((c.score for c in row.candidates if c.score is not None), reverse=True)
    return _Draft(row.id, kept, row.scores, _chances(row), marks[:2], row.cluster or row.id)


def _chances(row: Row) -> dict[str, float]:
    """The probability of reaching the bar, for each score that was read from probabilities."""
    events = [event.details for event in row.history if "levels" in event.details]
    return {details["key"]: details["chance"] for details in events if "chance" in details}


def _judged(row: Row, judging: Judging) -> bool:
    """Whether the row was dropped for its quality. A copy stays a copy, whatever people think of it."""
    return bool(row.scores) and (row.stage, row.reason) not in judging.copies


def _weights(options: ReviewOptions) -> dict[str, float]:
    sample = options.sample
    weights = {name: getattr(sample, name) for name in ("random", "uncertain", "diverse", "dropped")}
    total = sum(weights.values())
    weights["random"] = max(weights["random"], _LEAST_RANDOM * total)
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


def _apportion(count: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers in proportion that add up to `count`; the largest remainders are rounded up."""
    counts = {name: int(count * weight) for name, weight in weights.items()}
    ranked = sorted(weights, key=lambda name: counts[name] - count * weights[name])
    for name in ranked[: count - sum(counts.values())]:
        counts[name] += 1
    return counts


def _uncertainties(drafts: Sequence[_Draft], judging: Judging) -> dict[str, float]:
    """The uncertainty of each row with at least one sign of it, from 0 to 1: the largest of its signs.

    Each sign is divided by its widest observed value, so that rubrics of different scales are comparable.
    """
    ranges = {
        key: _spread([d.scores[key] for d in drafts if key in d.scores])
        for key in {*judging.bars, *(key for panel in judging.panels for key in panel)}
    }
    marks = _spread([mark for d in drafts for mark in d.candidates])
    found = {}
    for draft in drafts:
        signs = [
            1 - 2 * abs(draft.chances[key] - 0.5)
            if key in draft.chances
            else 1 - abs(draft.scores[key] - bar) / ranges[key]
            for key, bar in judging.bars.items()
            if key in draft.scores
        ]
        for panel in judging.panels:
            given = [draft.scores[key] for key in panel if key in draft.scores]
            if len(given) > 1:
                signs.append((max(given) - min(given)) / max(ranges[key] for key in panel))
        if len(draft.candidates) == 2:
            signs.append(1 - (draft.candidates[0] - draft.candidates[1]) / marks)
        if signs:
            found[draft.row] = max(signs)
    return found


def _spread(values: Sequence[float]) -> float:
    """The width of the values, never zero."""
    return (max(values) - min(values) if values else 0.0) or 1.0


def _one_a_cluster(drafts: Sequence[_Draft], seed: int) -> list[str]:
    first: dict[str, _Draft] = {}
    for draft in sorted(drafts, key=lambda d: rank(seed, "review", "diverse", d.row)):
        first.setdefault(draft.cluster, draft)
    return [draft.row for draft in first.values()]
