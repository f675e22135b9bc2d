"""Aggregates several people's answers into one decision per row. The rules, in order:

1. An adjudicator's answer decides alone. Of several, the latest one counts.
2. Keep or reject: the majority decides. A tie is a `conflict`.
3. Among those who keep the row, the majority decides classes and choices. A tie is a `conflict`.
4. Texts that people wrote must be equal, apart from surrounding space; otherwise it is a `conflict`. A
   written text has priority over a choice.
5. Ratings do not decide anything; the receipt has their mean.

An answer counts as soon as it arrives, even if more people are to answer, because a person's text is better
than the draft. `waiting` is the number of missing answers.
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
    """The aggregated decision on a row as it was `shown`.

    `answer`, `prompt` and `label` are set if they replace the draft's. `losers` are answers that people liked
    less than the row's. `answers` has each person's answer, by name.
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
        """Whether there is at least one answer that counts."""
        return self.status != "pending"

    @property
    def keeps(self) -> bool | None:
        """Whether the row is kept. None if there is no answer yet, or people disagree."""
        if self.status in ("accepted", "edited", "restored"):
            return True
        return False if self.status == "rejected" else None


def aggregate_all(decisions: Decisions) -> dict[str, Decision]:
    """A decision for each row that was ever shown; `pending` if there is no answer."""
    shown: dict[str, list[ShownRow]] = {}
    for each in decisions.shown.values():
        shown.setdefault(each.row, []).append(each)
    answers: dict[str, list[Answer]] = {}
    for answer in decisions.answers.values():
        answers.setdefault(answer.row, []).append(answer)
    adjudicating = {target.id for target in decisions.targets.values() if target.adjudicates}
    return {row: aggregate(there, answers.get(row, ()), adjudicating) for row, there in shown.items()}


def aggregate(
    shown: Sequence[ShownRow], answers: Iterable[Answer], adjudicating: Iterable[str] = ()
) -> Decision:
    """The decision on one row.

    `shown` is the row in every target that showed it, the latest last. `adjudicating` are the targets whose
    answers decide conflicts.
    """
    targets = {each.target: each for each in shown}
    adjudicating = set(adjudicating)
    usual = [each for each in shown if each.target not in adjudicating] or list(shown)
    given = sorted(
        (a for a in answers if a.status != "draft" and a.target in targets), key=lambda a: (a.at, a.by)
    )
    adjudication = next((a for a in reversed(given) if a.target in adjudicating), None)
    latest = {a.by: a for a in given if a.target not in adjudicating}
    counted = latest.values() if adjudication is None else [adjudication]
    base = max(latest.values(), key=lambda a: a.at).target if latest else usual[-1].target
    said = latest | ({adjudication.by: adjudication} if adjudication else {})
    return _Aggregation(
        targets[base],
        [parse_answer(a, targets[a.target]) for a in counted],
        waiting=0 if adjudication else max(usual[-1].needed - len(latest), 0),
        adjudicated=adjudication is not None,
        answers={by: {"status": a.status, **a.values} for by, a in sorted(said.items())},
    ).decision()


@dataclass
class _Aggregation:
    shown: ShownRow
    parsed: Sequence[ParsedAnswer]
    waiting: int
    adjudicated: bool
    answers: Json

    def decision(self) -> Decision:
        for_it = [each for each in self.parsed if each.keep]
        against = [each for each in self.parsed if not each.keep]
        if not self.parsed:
            return self._as("pending", ())
        if len(for_it) == len(against):
            return self._as("conflict", self.parsed)
        if len(against) > len(for_it):
            return self._as("rejected", against)
        texts = _texts(for_it), _same(each.prompt for each in for_it), _most(each.label for each in for_it)
        if None in texts:
            return self._as("conflict", self.parsed)
        return self._kept(for_it, *(text or None for text in texts))

    def _kept(
        self, parsed: Sequence[ParsedAnswer], answer: str | None, prompt: str | None, label: str | None
    ) -> Decision:
        """`answer`, `prompt` and `label` after people's edits. None if the task did not ask for them."""
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
        losers = next((each.losers for each in parsed if chosen in (each.better, each.chosen)), ())
        return self._as(
            "restored" if draft.status == "dropped" else status,
            parsed,
            answer=answer,
            prompt=prompt,
            label=label,
            losers=losers,
        )

    def _as(
        self,
        status: DecisionStatus,
        parsed: Sequence[ParsedAnswer],
        *,
        answer: str | None = None,
        prompt: str | None = None,
        label: str | None = None,
        losers: tuple[str, ...] = (),
    ) -> Decision:
        reasons = Counter(reason for each in parsed for reason in each.reasons)
        return Decision(
            shown=self.shown,
            status=status,
            by=tuple(sorted(each.by for each in parsed)),
            at=max((each.at for each in parsed), default=None),
            answer=answer,
            prompt=prompt,
            label=label,
            losers=losers,
            reasons=tuple(sorted(reasons, key=lambda reason: (-reasons[reason], reason))),
            comments=tuple(f"{each.by}: {each.comment}" for each in parsed if each.comment),
            waiting=self.waiting,
            adjudicated=self.adjudicated,
            answers=self.answers,
        )


def _texts(parsed: Sequence[ParsedAnswer]) -> str | None:
    """The agreed answer, from written texts first, then choices, then the edited draft.

    Empty if the task did not ask for it; None if people disagree.
    """
    if any(each.better for each in parsed):
        return _same(each.better for each in parsed)
    if any(each.chosen for each in parsed):
        return _most(each.chosen for each in parsed)
    return _same(each.text for each in parsed)


def _same(texts: Iterable[str | None]) -> str | None:
    """The text that all answers share. Empty if there is none, None if they differ."""
    given = [text for text in texts if text is not None]
    if not given:
        return ""
    return given[0] if len({plain(text) for text in given}) == 1 else None


def _most(values: Iterable[str | None]) -> str | None:
    """The value with the most votes. Empty if there are no votes, None for a tie."""
    counts: Mapping[str, int] = Counter(value for value in values if value is not None)
    if not counts:
        return ""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return None
    return ranked[0][0]
