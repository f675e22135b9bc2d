"""What decisions do to rows, after the stages have done with them.

A row that somebody decided on takes the text that this person saw or wrote, and no stage drops it any more.
Paraphrases share their source's answer: they take over an edited one, and go where their source was rejected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import orjson

from synth.llm.base import Json
from synth.recipe.model import Recipe
from synth.review.settle import Decision, settle_all
from synth.review.votes import draft_answer, draft_label, draft_prompt
from synth.store import Decisions, Reviewed
from synth.store.reviewed import ReviewedTable

REVIEW = "review"


class Verdicts:
    """All decisions of a run, asked row by row.

    `stages` are the names of the recipe's stages by kind; rows are told by `note` whose children they are.
    """

    def __init__(self, decisions: Mapping[str, Decision], stages: Sequence[tuple[str, str]]) -> None:
        self._decisions = decisions
        self._end = len(stages) + 1
        self._paraphrases = {name for kind, name in stages if kind == "paraphrase"}
        self._parents: dict[str, Sequence[str]] = {}

    @property
    def digest(self) -> str:
        """Changes where people's decisions keep other rows than before."""
        kept = sorted((row, d.keeps) for row, d in self._decisions.items() if d.keeps is not None)
        return hashlib.sha256(orjson.dumps(kept)).hexdigest()

    def __bool__(self) -> bool:
        return bool(self._decisions)

    def note(self, row: str, stage: str | None, parents: Sequence[str]) -> None:
        """Remembers what a paraphrase was made from, for those that are made from it in turn."""
        if parents and stage in self._paraphrases:
            self._parents[row] = parents

    def reviewed(self, receipt: Json, ended: int | None) -> Reviewed | None:
        """The row as decisions leave it; None where they do nothing to it.

        `receipt` and `ended` are as the stages left it: they are not changed.
        """
        decision = self._decisions.get(receipt["id"])
        if decision is not None and decision.keeps is not None:
            return self._decided(receipt, ended, decision)
        inherited = self._inherited(receipt, decision, ended)
        if inherited is not None or decision is None:
            return inherited
        # Nobody has answered yet; or people disagree, which is theirs to settle, and no stage's.
        return Reviewed(decision.answered, ended, {**receipt, "review": review_of(decision)})

    def refresh(self, table: ReviewedTable, version: int) -> int:
        """Brings the table up to these decisions. Returns how many rows stay that no stage makes any more."""
        if not self and table.empty:
            return 0
        lines: dict[str, Reviewed | None] = {}
        families = list(table.families(version)) if self else []
        for row, stage, parents in families:
            self.note(row, stage, parents)
        wanted = set(self._decisions) | {row for row, _, parents in families if self._touches(parents)}
        for receipt, ended in table.made(wanted, version):
            lines[receipt["id"]] = self.reviewed(receipt, ended)
            wanted.discard(receipt["id"])
        carried = []
        for row in sorted(wanted):
            decision = self._decisions[row]
            shown = decision.shown.receipt
            if decision.answered:
                carried.append(shown)
                lines[row] = self.reviewed(shown, self._end if shown["status"] == "dropped" else None)
        touched = [line for line in lines.values() if line is not None]
        table.replace(touched, carried)
        gone = {receipt["id"] for receipt in carried}
        return sum(line.receipt["id"] in gone and line.receipt["status"] == "kept" for line in touched)

    def _touches(self, parents: Iterable[str]) -> bool:
        return any(parent in self._decisions or parent in self._parents for parent in parents)

    def _decided(self, receipt: Json, ended: int | None, decision: Decision) -> Reviewed:
        review = review_of(decision)
        if not decision.keeps:
            row = {**receipt, "review": review, "history": [*receipt["history"], _event(decision, receipt)]}
            if receipt["status"] == "dropped":
                return Reviewed(True, ended, row)
            words = "; ".join((*decision.reasons, *decision.comments)) or "no reason given"
            row |= {"status": "dropped", "stage": REVIEW, "reason": "rejected"}
            row["detail"] = f"{', '.join(decision.by)}: {words}"
            return Reviewed(True, self._end, row)
        row = {
            **receipt,
            "status": "kept",
            "stage": None,
            "reason": None,
            "detail": None,
            "messages": decided_messages(decision),
            "labels": _labels(decision, receipt),
            "review": review,
            "history": [*receipt["history"], _event(decision, receipt)],
        }
        if decision.answer is not None or decision.prompt is not None:
            _set_scores_aside(row, review)
        return Reviewed(True, None, row)

    def _inherited(self, receipt: Json, own: Decision | None, ended: int | None) -> Reviewed | None:
        """What a paraphrase takes over from the row that it was made from."""
        if receipt["status"] != "kept":
            return None
        source = self._source(receipt)
        if source is None or (source.keeps and source.answer is None):
            return None
        row = {**receipt, "review": review_of(own) if own else receipt["review"]}
        parent = source.shown.row
        if not source.keeps:
            row |= {"status": "dropped", "stage": REVIEW, "reason": "parent rejected"}
            row["detail"] = f"a paraphrase of {parent}, which {', '.join(source.by)} rejected"
            return Reviewed(False, self._end, row)
        event = {
            "stage": REVIEW,
            "did": ["took_over_answer"],
            "from": parent,
            "by": list(source.by),
            "before": draft_answer(receipt),
        }
        _set_scores_aside(row, event)
        row["messages"] = _answered(receipt["messages"], source.answer or "")
        row["history"] = [*receipt["history"], event]
        return Reviewed(False, ended, row)

    def _source(self, receipt: Json) -> Decision | None:
        """The decision on the nearest row whose answer this one shares."""
        paraphrase = receipt["lineage"]["stage"] in self._paraphrases
        waiting, seen = list(receipt["lineage"]["parents"]), set()
        while waiting:
            parent = waiting.pop(0)
            if parent in seen:
                continue
            seen.add(parent)
            decision = self._decisions.get(parent)
            if decision is not None and decision.keeps is not None:
                shares = draft_answer(decision.shown.receipt) == draft_answer(receipt)
                if paraphrase or shares:
                    return decision
            elif paraphrase:
                waiting.extend(self._parents.get(parent, ()))
        return None


def verdicts_of(decisions: Decisions, recipe: Recipe) -> Verdicts:
    """The decisions so far, on rows of this recipe."""
    return Verdicts(settle_all(decisions), [(stage.kind, stage.name) for stage in recipe.stages])


def review_of(decision: Decision) -> Json:
    """The receipt's `review` block."""
    shown = decision.shown
    review: Json = {
        "status": decision.status,
        "by": list(decision.by),
        "at": decision.at,
        "before": draft_answer(shown.receipt) if decision.answer is not None else None,
        "answers": decision.answers,
        "share": shown.share,
        "waiting": decision.waiting,
    }
    if decision.prompt is not None:
        review["before_prompt"] = draft_prompt(shown.receipt)
    if decision.losers:
        review["losers"] = list(decision.losers)
    if decision.adjudicated:
        review["adjudicated"] = True
    return review


def decided_messages(decision: Decision) -> list[Json]:
    """The conversation as people left it: what they saw, with what they changed."""
    messages = decision.shown.receipt["messages"]
    if decision.answer is not None:
        messages = _answered(messages, decision.answer)
    if decision.prompt is not None:
        last = max(place for place, message in enumerate(messages) if message["role"] == "user")
        messages = [
            {**message, "content": decision.prompt} if place == last else message
            for place, message in enumerate(messages)
        ]
    return list(messages)


def _set_scores_aside(row: Json, note: Json) -> None:
    """A judge gave them to the text that a person has replaced: `note` keeps them, and the row has none."""
    if row["scores"]:
        row["scores"], note["before_scores"] = {}, row["scores"]


def _answered(messages: Sequence[Json], answer: str) -> list[Json]:
    if messages and messages[-1]["role"] == "assistant":
        return [*messages[:-1], {**messages[-1], "content": answer}]
    return [*messages, {"role": "assistant", "content": answer}]


def _labels(decision: Decision, receipt: Json) -> Json:
    if decision.label is None:
        return dict(receipt["labels"])
    name, _ = draft_label(decision.shown.receipt)
    return {**receipt["labels"], name or "label": decision.label}


def _event(decision: Decision, receipt: Json) -> Json:
    """Who did what, for the row's history; no times, which would make exports differ."""
    event: Json = {"stage": REVIEW, "did": [decision.status], "by": list(decision.by)}
    shown = decision.shown.receipt
    if decision.answer is not None:
        event["before"] = draft_answer(shown)
    if decision.prompt is not None:
        event["before_prompt"] = draft_prompt(shown)
    if decision.label is not None:
        event["label"] = [draft_label(shown)[1], decision.label]
    if receipt["status"] == "dropped":
        event["was"] = f"{receipt['stage']}: {receipt['reason']}"
    if decision.reasons:
        event["reasons"] = list(decision.reasons)
    if decision.comments:
        event["comments"] = list(decision.comments)
    if decision.adjudicated:
        event["adjudicated"] = True
    return event
