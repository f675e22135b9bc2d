"""Computes the effect of people's decisions on rows, after all stages.

A row with a decision has the text that the person saw or wrote, and no stage can drop it any more.
Paraphrases share their source's answer: they take over an edited answer, and are rejected together with their
source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import orjson

from synth.conversation import Conversation
from synth.frozen import FrozenDict, FrozenJson, freeze
from synth.llm.base import Json
from synth.recipe.model import Recipe
from synth.review.aggregate import Decision, aggregate_all
from synth.review.answers import label_of
from synth.review.reasons import ReviewAction, ReviewReason
from synth.row import Dropped, Event, Kept, Review, Row
from synth.store import Decisions, Overlay, OverlayTable, RowPlace

REVIEW = "review"


class DecisionOverlay:
    """All decisions of a run, and the effect of each on its row.

    `stages` is the number of stages in the recipe. Stages in `sharing` make rows that share the answer of
    their source (paraphrases). `note` must be called for a row before the rows that are made from it.
    """

    def __init__(self, decisions: Mapping[str, Decision], stages: int, sharing: Collection[str]) -> None:
        self._decisions = decisions
        self._review = stages + 1
        self._sharing = frozenset(sharing)
        self._parents: dict[str, Sequence[str]] = {}

    @property
    def digest(self) -> str:
        """A digest that changes if people's decisions keep a different set of rows."""
        kept = sorted((row, d.keeps) for row, d in self._decisions.items() if d.keeps is not None)
        return hashlib.sha256(orjson.dumps(kept)).hexdigest()

    def __bool__(self) -> bool:
        return bool(self._decisions)

    def note(self, row: str, stage: str | None, parents: Sequence[str]) -> None:
        """Remembers the source of a paraphrase, for the paraphrases that are made from it in turn."""
        if parents and stage in self._sharing:
            self._parents[row] = parents

    def over(self, row: Row, ended: int | None) -> Overlay | None:
        """The row after people's decisions. None if they do not change it. `row` and `ended` come from the
        stages.
        """
        decision = self._decisions.get(row.id)
        if decision is not None and decision.keeps is not None:
            return self._decided(row, ended, decision)
        inherited = self._inherited(row, decision, ended)
        if inherited is not None or decision is None:
            return inherited
        # There is no answer yet, or people disagree. Only people can settle that; no stage decides it.
        return Overlay(replace(row, review=review_of(decision)), ended)

    def refresh(self, table: OverlayTable, version: int) -> int:
        """Updates the table to these decisions. Returns the number of kept rows that no stage makes any
        more.
        """
        if not self and table.empty:
            return 0
        families = list(table.families(version)) if self else []
        for row_id, stage, parents in families:
            self.note(row_id, stage, parents)
        wanted = set(self._decisions) | {row_id for row_id, _, parents in families if self._touches(parents)}
        overlays = []
        for made in table.made(wanted, version):
            wanted.discard(made.row.id)
            if (overlay := self.over(made.row, made.ended)) is not None:
                overlays.append((overlay, made.place))
        carried = list(self._carried(wanted))
        table.replace([*overlays, *((overlay, RowPlace.carried(overlay.row)) for overlay in carried)])
        return sum(overlay.row.status == "kept" for overlay in carried)

    def _carried(self, ids: Iterable[str]) -> Iterator[Overlay]:
        """Rows that no stage makes any more, and that are kept because of a person's decision."""
        for row_id in sorted(ids):
            decision = self._decisions[row_id]
            draft = decision.shown.draft
            ended = self._review if draft.status == "dropped" else None
            if decision.answered and (overlay := self.over(draft, ended)) is not None:
                yield overlay

    def _touches(self, parents: Iterable[str]) -> bool:
        return any(parent in self._decisions or parent in self._parents for parent in parents)

    def _decided(self, row: Row, ended: int | None, decision: Decision) -> Overlay:
        after = replace(row, review=review_of(decision), history=(*row.history, _event(decision, row)))
        if decision.keeps:
            after = replace(
                after,
                outcome=Kept(),
                conversation=decided_conversation(decision),
                labels=_labels(decision, row),
            )
            if row.scores and (decision.answer is not None or decision.prompt is not None):
                # The judge scored the text that a person has replaced.
                review = replace(after.review, before_scores=row.scores)
                after = replace(after, scores=FrozenDict(), review=review)
            return Overlay(after, None)
        if row.status == "dropped":
            return Overlay(after, ended)
        words = "; ".join((*decision.reasons, *decision.comments)) or "no reason given"
        outcome = Dropped(REVIEW, ReviewReason.REJECTED, f"{', '.join(decision.by)}: {words}")
        return Overlay(replace(after, outcome=outcome), self._review)

    def _inherited(self, row: Row, own: Decision | None, ended: int | None) -> Overlay | None:
        """The effect of the source row's decision on a paraphrase."""
        if row.status != "kept":
            return None
        source = self._source(row)
        if source is None or (source.keeps and source.answer is None):
            return None
        after = replace(row, review=review_of(own) if own else row.review)
        parent = source.shown.row
        if not source.keeps:
            words = f"a paraphrase of {parent}, which {', '.join(source.by)} rejected"
            outcome = Dropped(REVIEW, ReviewReason.PARENT_REJECTED, words)
            return Overlay(replace(after, outcome=outcome), self._review)
        details: Json = {"from": parent, "by": source.by, "before": row.conversation.answer or ""}
        if row.scores:
            details["before_scores"] = row.scores
        event = Event(REVIEW, (ReviewAction.TOOK_OVER_ANSWER,), freeze(details))
        after = replace(
            after,
            conversation=row.conversation.with_answer(source.answer or ""),
            scores=FrozenDict(),
            history=(*row.history, event),
        )
        return Overlay(after, ended)

    def _source(self, row: Row) -> Decision | None:
        """The decision on the nearest ancestor whose answer this row shares."""
        paraphrase = row.lineage.stage in self._sharing
        answer = row.conversation.answer or ""
        waiting, seen = list(row.lineage.parents), set()
        while waiting:
            parent = waiting.pop(0)
            if parent in seen:
                continue
            seen.add(parent)
            decision = self._decisions.get(parent)
            if decision is not None and decision.keeps is not None:
                if paraphrase or (decision.shown.draft.conversation.answer or "") == answer:
                    return decision
            elif paraphrase:
                waiting.extend(self._parents.get(parent, ()))
        return None


def overlay_of(decisions: Decisions, recipe: Recipe) -> DecisionOverlay:
    """The decisions so far, on rows of this recipe."""
    sharing = [stage.name for stage in recipe.stages if stage.options.shares_answer]
    return DecisionOverlay(aggregate_all(decisions), len(recipe.stages), sharing)


def review_of(decision: Decision) -> Review:
    """The `review` field of a row with this decision."""
    shown, draft = decision.shown, decision.shown.draft.conversation
    return Review(
        status=decision.status,
        by=decision.by,
        at=decision.at,
        before=(draft.answer or "") if decision.answer is not None else None,
        answers=freeze(decision.answers),
        share=shown.share,
        waiting=decision.waiting,
        before_prompt=draft.last_request if decision.prompt is not None else None,
        losers=decision.losers,
        adjudicated=decision.adjudicated,
    )


def decided_conversation(decision: Decision) -> Conversation:
    """The conversation after people's decisions: the shown text with their changes."""
    conversation = decision.shown.draft.conversation
    if decision.answer is not None:
        conversation = conversation.with_answer(decision.answer)
    if decision.prompt is not None:
        conversation = conversation.with_last_request(decision.prompt)
    return conversation


def _labels(decision: Decision, row: Row) -> FrozenJson:
    if decision.label is None:
        return row.labels
    name, _ = label_of(decision.shown.draft)
    return FrozenDict({**row.labels, name or "label": decision.label})


def _event(decision: Decision, row: Row) -> Event:
    """The event for the row's history. It has no time, because times would make exports differ."""
    details: Json = {"by": decision.by}
    draft = decision.shown.draft
    if decision.answer is not None:
        details["before"] = draft.conversation.answer or ""
    if decision.prompt is not None:
        details["before_prompt"] = draft.conversation.last_request
    if decision.label is not None:
        details["label"] = [label_of(draft)[1], decision.label]
    if row.status == "dropped":
        details["was"] = f"{row.stage}: {row.reason}"
    if decision.reasons:
        details["reasons"] = decision.reasons
    if decision.comments:
        details["comments"] = decision.comments
    if decision.adjudicated:
        details["adjudicated"] = True
    return Event(REVIEW, (ReviewAction(decision.status),), freeze(details))
