"""Preference data from what a run knows: which of two answers to one prompt is better, and who says so.

- `edit`: a person's text over the draft it took the place of.
- `choice`: the candidate that a person chose, or wrote, over those that they were shown beside it.
- `failure`: a right answer over the one that failed (a candidate whose `source` is `failure`).
- `rejected`: a seed's answer over the one that stood beside it in a preference pair.
- `judge`: a candidate over one with a lower score, by at least `margin`. The answer itself takes part in it
  if it is among the candidates. Where a person wrote or approved the answer, only that answer is chosen. A
  judge that was asked in both orders has to prefer it in both.

A judge that likes long answers teaches length (arXiv:2404.04475): `length_ratio` leaves out pairs whose
answers' lengths are further apart than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synth.llm.base import Json
from synth.recipe.model import PairOptions
from synth.row import content_of

APPROVED = ("accepted", "edited", "restored")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt; `margin` is the difference of their scores, where a judge compared them."""

    chosen: str
    rejected: str
    source: str
    margin: float | None = None

    @property
    def note(self) -> Json:
        """What the receipt says about it."""
        return {
            "chosen": self.chosen,
            "rejected": self.rejected,
            "source": self.source,
            "margin": self.margin,
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """One answer, and whether it is good."""

    answer: str
    good: bool
    source: str

    @property
    def note(self) -> Json:
        """What the receipt says about it."""
        return {"answer": self.answer, "good": self.good, "source": self.source}


def pairs_of(receipt: Json, options: PairOptions) -> list[Pair]:
    """The pairs of a row, people's first, then by margin; one of them, unless `per_prompt` is all."""
    found: dict[tuple[str, str], Pair] = {}
    for pair in (*_edited(receipt), *_chosen(receipt), *_failed(receipt), *_judged(receipt, options.margin)):
        if _comparable(pair, options.length_ratio):
            found.setdefault((pair.chosen, pair.rejected), pair)
    pairs = list(found.values())
    return pairs if options.per_prompt == "all" else pairs[:1]


def judgements(receipt: Json, options: PairOptions) -> Iterator[Judgement]:
    """Each answer of the row that was judged, once: by a person, or as one side of a pair."""
    seen: set[str] = set()
    status = receipt["review"]["status"]
    answer = _answer(receipt)
    if answer is not None and status in (*APPROVED, "rejected"):
        seen.add(answer)
        yield Judgement(answer, status != "rejected", "review")
    for pair in pairs_of(receipt, options):
        for text, good in ((pair.chosen, True), (pair.rejected, False)):
            if text not in seen:
                seen.add(text)
                yield Judgement(text, good, pair.source)


def _edited(receipt: Json) -> Iterator[Pair]:
    review, answer = receipt["review"], _answer(receipt)
    before = review.get("before")
    chosen = before in review.get("losers", ())
    if review["status"] in APPROVED and answer is not None and isinstance(before, str) and not chosen:
        yield Pair(answer, before, "edit")


def _chosen(receipt: Json) -> Iterator[Pair]:
    review, answer = receipt["review"], _answer(receipt)
    if review["status"] in APPROVED and answer is not None:
        for loser in review.get("losers", ()):
            yield Pair(answer, loser, "choice")


def _failed(receipt: Json) -> Iterator[Pair]:
    answer = _answer(receipt)
    for candidate in receipt["candidates"]:
        if candidate.get("source") in ("failure", "rejected") and answer is not None:
            yield Pair(answer, candidate["content"], candidate["source"])


def _judged(receipt: Json, least: float) -> Iterator[Pair]:
    scored = sorted(
        (
            (c["score"], c["content"], c.get("by_order", ()))
            for c in receipt["candidates"]
            if c.get("score") is not None
        ),
        reverse=True,
    )
    approved = _answer(receipt) if receipt["review"]["status"] in APPROVED else None
    pairs = [
        Pair(better, worse, "judge", round(high - low, 6))
        for place, (high, better, wins) in enumerate(scored)
        for low, worse, losses in scored[place + 1 :]
        if high - low >= least and (approved is None or better == approved)
        if all(won > lost for won, lost in zip(wins, losses, strict=False))
    ]
    yield from sorted(pairs, key=lambda pair: -(pair.margin or 0.0))


def _comparable(pair: Pair, length_ratio: float | None) -> bool:
    if not pair.rejected.strip() or pair.chosen.strip() == pair.rejected.strip():
        return False
    if length_ratio is None:
        return True
    lengths: Sequence[int] = sorted((len(pair.chosen), len(pair.rejected)))
    return lengths[1] <= length_ratio * lengths[0]


def _answer(receipt: Json) -> str | None:
    messages = receipt["messages"]
    if messages and messages[-1]["role"] == "assistant":
        return content_of(messages[-1]) or None
    return None
