"""Builds preference data from a run: which of two answers to one prompt is better, and who decided it.

- `edit`: a person's text over the draft that it replaced.
- `choice`: the candidate that a person chose or wrote, over the other candidates on the same page.
- `failure`: a correct answer over the failed one (a candidate whose `source` is `failure`).
- `rejected`: a seed's answer over the rejected answer of the same preference pair.
- `judge`: a candidate over one with a lower score, by at least `margin`. The row's answer is compared too if
  it is among the candidates. If a person wrote or approved the answer, only that answer can be the chosen
  one. A judge that compared both orders must prefer it in both.

A judge that likes long answers teaches length (arXiv:2404.04475): `length_ratio` leaves out pairs whose
lengths differ by more than this ratio.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synth.llm.base import Json
from synth.recipe.model import PairOptions
from synth.row import Row


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt. `margin` is the difference of their scores, if a judge compared them."""

    chosen: str
    rejected: str
    source: str
    margin: float | None = None

    def to_json(self) -> Json:
        """The JSON in a receipt."""
        return {
            "chosen": self.chosen,
            "rejected": self.rejected,
            "source": self.source,
            "margin": self.margin,
        }

    @property
    def texts(self) -> tuple[str, ...]:
        """The compared answers."""
        return self.chosen, self.rejected


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """One answer, and whether it is good."""

    answer: str
    good: bool
    source: str

    def to_json(self) -> Json:
        """The JSON in a receipt."""
        return {"answer": self.answer, "good": self.good, "source": self.source}

    @property
    def texts(self) -> tuple[str, ...]:
        """The answer that was judged."""
        return (self.answer,)


Preference = Pair | JudgedAnswer


def preference_from_json(data: Json) -> Preference:
    """From the JSON of a receipt."""
    return JudgedAnswer(**data) if "answer" in data else Pair(**data)


def pairs_of(row: Row, options: PairOptions) -> list[Pair]:
    """The pairs of a row: people's first, then by margin. Only the first, unless `per_prompt` is `all`."""
    found: dict[tuple[str, str], Pair] = {}
    for pair in (*_edited(row), *_chosen(row), *_failed(row), *_judged(row, options.margin)):
        if _comparable(pair, options.length_ratio):
            found.setdefault((pair.chosen, pair.rejected), pair)
    pairs = list(found.values())
    return pairs if options.per_prompt == "all" else pairs[:1]


def judged_answers(row: Row, options: PairOptions) -> Iterator[JudgedAnswer]:
    """Each judged answer of the row, once: judged by a person, or as part of a pair."""
    seen: set[str] = set()
    answer = row.conversation.answer
    if answer and (row.review.approved or row.review.status == "rejected"):
        seen.add(answer)
        yield JudgedAnswer(answer, row.review.approved, "review")
    for pair in pairs_of(row, options):
        for text, good in ((pair.chosen, True), (pair.rejected, False)):
            if text not in seen:
                seen.add(text)
                yield JudgedAnswer(text, good, pair.source)


def _edited(row: Row) -> Iterator[Pair]:
    review, answer = row.review, row.conversation.answer
    if review.approved and answer and review.before is not None and review.before not in review.losers:
        yield Pair(answer, review.before, "edit")


def _chosen(row: Row) -> Iterator[Pair]:
    answer = row.conversation.answer
    if row.review.approved and answer:
        for loser in row.review.losers:
            yield Pair(answer, loser, "choice")


def _failed(row: Row) -> Iterator[Pair]:
    answer = row.conversation.answer
    for candidate in row.candidates:
        if candidate.found_worse and candidate.source and answer:
            yield Pair(answer, candidate.content, candidate.source)


def _judged(row: Row, least: float) -> Iterator[Pair]:
    scored = sorted(
        ((c.score, c.content, c.by_order) for c in row.candidates if c.score is not None), reverse=True
    )
    approved = (row.conversation.answer or None) if row.review.approved else None
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
