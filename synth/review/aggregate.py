"""From several people's answers to one decision on a row. The rules, in order:

1. An adjudicator's answer decides alone; of several the latest.
2. Keep or reject: the majority. As many for as against: `conflict`.
3. Among those who keep it, classes and choices between candidates go by the most votes; level: `conflict`.
4. Texts that people wrote must be the same, up to space around them: otherwise `conflict`. A text counts more
   than a choice.
5. Ratings decide nothing; their mean is in the receipt.

An answer counts as soon as it is there, also where more people are to answer: what a person wrote is better
than the draft. `waiting` tells how many are still to come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from synth.llm.base import Json
from synth.review.answers import EQUAL, ParsedAnswer, label_of, parse_answer, plain
from synth.store import Answer, Decisions, ShownRow

DecisionStatus = Literal["pending", "accepted", "edited", "rejected", "restored", "conflict"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What people decided on a row as it was `shown`.

    `answer`, `prompt` and `label` are set where they replace the draft's. `losers` are answers
    that people like less than the row's. `answers` holds everybody's words, by name.
    """

    shown: ShownRow
    status: DecisionStatus
    by: tuple[str, ...] = ()
    at: str | None = None
    answer: str | None = None
    prompt: str | None = None
    label: str | None = None
    losers: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    waiting: int = 0
    adjudicated: bool = False
    answers: Json = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """Whether anybody has said anything that counts."""
        return self.status != "pending"

    @property
    def keeps(self) -> bool | None:
        """Whether the row stays; None as long as nobody has said so, or people disagree."""
        if self.status in ("accepted", "edited", "restored"):
            return True
        return False if self.status == "rejected" else None


def aggregate_all(decisions: Decisions) -> dict[str, Decision]:
    """A decision for each row that was ever shown; `pending` where nobody has answered."""
    shown: dict[str, list[ShownRow]] = {}
    for each in decisions.shown.values():
        shown.setdefault(each.row, []).append(each)
    answers: dict[str, list[Answer]] = {}
    for answer in decisions.answers.values():
        answers.setdefault(answer.row, []).append(answer)
    judges = {target.id for target in decisions.targets.values() if target.adjudicates}
    return {row: aggregate(there, answers.get(row, ()), judges) for row, there in shown.items()}


def aggregate(shown: Sequence[ShownRow], answers: Iterable[Answer], judges: Iterable[str] = ()) -> Decision:
    """The decision on one row. `shown` is the row in every target that showed it, the latest last. `judges`
    are the targets whose answers decide conflicts."""
    targets = {each.target: each for each in shown}
    judges = set(judges)
    usual = [each for each in shown if each.target not in judges] or list(shown)
    given = sorted(
        (a for a in answers if a.status != "draft" and a.target in targets), key=lambda a: (a.at, a.by)
    )
    verdicts = [a for a in given if a.target in judges]
    latest = {a.by: a for a in given if a.target not in judges}
    votes = {by: parse_answer(a, targets[a.target]) for by, a in latest.items()}
    counted = [parse_answer(verdicts[-1], targets[verdicts[-1].target])] if verdicts else list(votes.values())
    base = max(latest.values(), key=lambda a: a.at).target if latest else usual[-1].target
    said = {**latest, **({verdicts[-1].by: verdicts[-1]} if verdicts else {})}
    return _Aggregation(
        targets[base],
        counted,
        waiting=0 if verdicts else max(usual[-1].needed - len(votes), 0),
        adjudicated=bool(verdicts),
        answers={by: {"status": a.status, **a.values} for by, a in sorted(said.items())},
    ).decision()


@dataclass
class _Aggregation:
    shown: ShownRow
    votes: Sequence[ParsedAnswer]
    waiting: int
    adjudicated: bool
    answers: Json

    def decision(self) -> Decision:
        for_it = [vote for vote in self.votes if vote.keep]
        against = [vote for vote in self.votes if not vote.keep]
        if not self.votes:
            return self._as("pending", ())
        if len(for_it) == len(against):
            return self._as("conflict", self.votes)
        if len(against) > len(for_it):
            return self._as("rejected", against)
        texts = _texts(for_it), _same(vote.prompt for vote in for_it), _most(vote.label for vote in for_it)
        if None in texts:
            return self._as("conflict", self.votes)
        return self._kept(for_it, *(text or None for text in texts))

    def _kept(
        self, votes: Sequence[ParsedAnswer], answer: str | None, prompt: str | None, label: str | None
    ) -> Decision:
        """`answer`, `prompt` and `label` as people left them; None where they were not asked for."""
        draft = self.shown.draft
        kind, old_label = label_of(draft)
        if label is not None and kind is None:
            answer, label = label, None
        chosen = answer
        if answer is not None and plain(answer) in (plain(draft.conversation.answer or ""), EQUAL):
            answer = None
        if prompt == draft.conversation.last_request:
            prompt = None
        if label == old_label:
            label = None
        changed = (answer, prompt, label) != (None, None, None)
        status: DecisionStatus = "edited" if changed else "accepted"
        losers = next((vote.losers for vote in votes if chosen in (vote.better, vote.chosen)), ())
        return self._as(
            "restored" if draft.status == "dropped" else status,
            votes,
            answer=answer,
            prompt=prompt,
            label=label,
            losers=losers,
        )

    def _as(
        self,
        status: DecisionStatus,
        votes: Sequence[ParsedAnswer],
        *,
        answer: str | None = None,
        prompt: str | None = None,
        label: str | None = None,
        losers: tuple[str, ...] = (),
    ) -> Decision:
        reasons = Counter(reason for vote in votes for reason in vote.reasons)
        return Decision(
            shown=self.shown,
            status=status,
            by=tuple(sorted(vote.by for vote in votes)),
            at=max((vote.at for vote in votes), default=None),
            answer=answer,
            prompt=prompt,
            label=label,
            losers=losers,
            reasons=tuple(sorted(reasons, key=lambda reason: (-reasons[reason], reason))),
            comments=tuple(f"{vote.by}: {vote.comment}" for vote in votes if vote.comment),
            waiting=self.waiting,
            adjudicated=self.adjudicated,
            answers=self.answers,
        )


def _texts(votes: Sequence[ParsedAnswer]) -> str | None:
    """The answer people agree on: written ones first, then the choice, then what they left of the draft.

    Empty where nobody was asked; None where they disagree.
    """
    if any(vote.better for vote in votes):
        return _same(vote.better for vote in votes)
    if any(vote.chosen for vote in votes):
        return _most(vote.chosen for vote in votes)
    return _same(vote.text for vote in votes)


def _same(texts: Iterable[str | None]) -> str | None:
    """The one text that all gave who gave one; empty where nobody did, None where they differ."""
    given = [text for text in texts if text is not None]
    if not given:
        return ""
    return given[0] if len({plain(text) for text in given}) == 1 else None


def _most(values: Iterable[str | None]) -> str | None:
    """The value with the most votes; empty where nobody voted, None where two are level."""
    counts: Mapping[str, int] = Counter(value for value in values if value is not None)
    if not counts:
        return ""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return None
    return ranked[0][0]
