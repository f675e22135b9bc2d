"""The row: frozen and typed, from the source to the export. JSON exists only at its edges."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

import orjson

from synth.conversation import Conversation
from synth.frozen import FrozenDict, FrozenJson, freeze, thaw
from synth.llm.base import Json
from synth.reasons import Action, Reason

Status = Literal["kept", "dropped", "failed", "pending", "superseded"]

# Where a row came from, before any stage: trusted rows are never dropped.
Origin = Literal["seed", "holdout", "prompt", "document", "failure", "mixed"]
ReviewStatus = Literal["none", "pending", "accepted", "edited", "rejected", "restored", "conflict"]

# What the pipeline notes where a request could not be answered.
REQUEST_FAILED = "request_failed"


def content_id(*parts: Any) -> str:
    """Sixteen hexadecimal digits that depend on `parts` (anything JSON can hold) and on nothing else."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a row was made from.

    `parents` are the rows whose text it was made from and that it must share a split with; `shots` are
    few-shot examples that its prompt showed, which do not bind it. `request` is the identity of the
    request whose reply it is. `source` is the place in a document: `file`, `start`, `end`, `heading`.
    `topic` is the topic that its maker was to fill: what was asked for, not what somebody found it to be.
    """

    origin: Origin
    parents: Sequence[str] = ()
    shots: Sequence[str] = ()
    stage: str | None = None
    prompt: str | None = None
    model: str | None = None
    sampling: FrozenJson = field(default_factory=FrozenDict)
    request: str | None = None
    source: FrozenJson | None = None
    topic: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "parents", tuple(self.parents))
        object.__setattr__(self, "shots", tuple(self.shots))
        object.__setattr__(self, "sampling", freeze(self.sampling))
        object.__setattr__(self, "source", freeze(self.source))

    @property
    def given(self) -> bool:
        """Whether people gave the row whole (a seed, a held-out row)."""
        return self.origin in ("seed", "holdout") and self.stage is None


@dataclass(frozen=True, slots=True)
class Kept:
    """The row passed every stage."""

    status: ClassVar[Status] = "kept"


@dataclass(frozen=True, slots=True)
class Pending:
    """The row has stages ahead of it. Where the run stopped before them, `stage` is the next one."""

    stage: str | None = None
    status: ClassVar[Status] = "pending"


@dataclass(frozen=True, slots=True)
class Dropped:
    """`stage` dropped it for a `Reason`, which a run folder holds by its code; `detail` are the words."""

    stage: str
    reason: str
    detail: str | None = None
    status: ClassVar[Status] = "dropped"


@dataclass(frozen=True, slots=True)
class Failed:
    """A request of `stage` could not be answered; `detail` says why."""

    stage: str
    detail: str | None = None
    status: ClassVar[Status] = "failed"


Outcome = Kept | Pending | Dropped | Failed


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer beside the row's own.

    `source` is `answer` (the row's answer when candidates were asked for), `failure` or `rejected` (people
    found it worse); None for one that a model was asked for. `by_order` holds the judge's score with the
    candidate shown in each of two orders.
    """

    content: str
    source: str | None = None
    model: str | None = None
    sampling: FrozenJson | None = None
    request: str | None = None
    system: str | None = None
    score: float | None = None
    by_order: Sequence[float] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sampling", freeze(self.sampling))
        object.__setattr__(self, "by_order", tuple(self.by_order))

    @property
    def found_worse(self) -> bool:
        """Whether people have found it to be worse than the row's answer already."""
        return self.source in ("failure", "rejected")

    @classmethod
    def from_json(cls, data: FrozenJson) -> Candidate:
        """From the JSON of a receipt."""
        return cls(**data)

    def to_json(self) -> Json:
        """As receipts give it: only what is known. A failure always names its model, even `null`."""
        known: Json = {"content": self.content, "source": self.source, "model": self.model}
        known |= {"sampling": thaw(self.sampling), "request": self.request, "system": self.system}
        known |= {"score": self.score, "by_order": list(self.by_order) or None}
        always = {"content", "model"} if self.source == "failure" else {"content"}
        return {key: value for key, value in known.items() if value is not None or key in always}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a stage did to a row: `did` are codes (see `Action`), `details` what belongs to it."""

    stage: str
    did: Sequence[str]
    details: FrozenJson = field(default_factory=FrozenDict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "did", tuple(self.did))
        object.__setattr__(self, "details", freeze(self.details))

    @classmethod
    def from_json(cls, data: FrozenJson) -> Event:
        """From the JSON of a receipt."""
        details = {key: value for key, value in data.items() if key not in ("stage", "did")}
        return cls(data["stage"], data["did"], details)

    def to_json(self) -> Json:
        """As receipts give it."""
        return {"stage": self.stage, "did": [str(word) for word in self.did], **thaw(self.details)}


@dataclass(frozen=True, slots=True)
class Review:
    """What people said about the row: `by` whom, and `at` what time the last of them did.

    `before`, `before_prompt` and `before_scores` are what an edit replaced. `losers` are answers that people
    like less than the row's. `answers` holds each annotator's answer by name. `share` is the part of the
    sample that the row was drawn for. `waiting` counts the answers that are still to come.
    """

    status: ReviewStatus = "none"
    by: Sequence[str] = ()
    at: str | None = None
    before: str | None = None
    answers: FrozenJson = field(default_factory=FrozenDict)
    share: str | None = None
    waiting: int = 0
    before_prompt: str | None = None
    losers: Sequence[str] = ()
    adjudicated: bool = False
    before_scores: Mapping[str, float] | None = None

    @property
    def approved(self) -> bool:
        """Whether people decided to keep the row, with or without changes."""
        return self.status in ("accepted", "edited", "restored")

    @classmethod
    def from_json(cls, data: FrozenJson) -> Review:
        """From the JSON of a receipt."""
        return cls(**freeze(data))

    def to_json(self) -> Json:
        """As receipts give it: `{"status": "none"}` for a row that nobody was shown."""
        if self.status == "none":
            return {"status": "none"}
        block: Json = {"status": self.status, "by": list(self.by), "at": self.at, "before": self.before}
        block |= {"answers": thaw(self.answers), "share": self.share, "waiting": self.waiting}
        further: Json = {"before_prompt": self.before_prompt, "losers": list(self.losers) or None}
        further |= {"adjudicated": self.adjudicated or None, "before_scores": thaw(self.before_scores)}
        return block | {key: value for key, value in further.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation with everything that happened to it. A stage that changes something returns a new row.

    `scores` are a judge's numbers by rubric, `labels` the classes that the recipe asks for by name, `cluster`
    is the id of the first of a group of near-duplicates. A row is `superseded` when the recipe as last run
    does not make it any more.
    """

    id: str
    conversation: Conversation
    lineage: Lineage
    outcome: Outcome = Pending()
    candidates: Sequence[Candidate] = ()
    scores: Mapping[str, float] = field(default_factory=FrozenDict)
    labels: FrozenJson = field(default_factory=FrozenDict)
    history: Sequence[Event] = ()
    cluster: str | None = None
    reasoning: str | None = None
    review: Review = Review()
    superseded: bool = False

    def __post_init__(self) -> None:
        # Whoever makes a row may hold on to the list or dictionary that it was made from.
        object.__setattr__(self, "candidates", tuple(self.candidates))
        object.__setattr__(self, "scores", freeze(self.scores))
        object.__setattr__(self, "labels", freeze(self.labels))
        object.__setattr__(self, "history", tuple(self.history))

    @property
    def status(self) -> Status:
        """In one word, as `synth show --status` takes it."""
        return "superseded" if self.superseded else self.outcome.status

    @property
    def pending(self) -> bool:
        """Whether no stage has dropped or failed it, and not all have seen it."""
        return isinstance(self.outcome, Pending)

    @property
    def stage(self) -> str | None:
        """The stage that dropped or failed it, or that it waits for."""
        return None if isinstance(self.outcome, Kept) else self.outcome.stage

    @property
    def reason(self) -> str | None:
        """The code of why it was dropped or failed."""
        if isinstance(self.outcome, Failed):
            return REQUEST_FAILED
        return str(self.outcome.reason) if isinstance(self.outcome, Dropped) else None

    @property
    def detail(self) -> str | None:
        """Why it was dropped or failed, in words."""
        return self.outcome.detail if isinstance(self.outcome, Dropped | Failed) else None

    @property
    def given(self) -> bool:
        """Whether people gave it whole (a seed, a held-out row): trusted, and never dropped by a stage."""
        return self.lineage.given

    @property
    def held_out(self) -> bool:
        """Whether no prompt may ever show it."""
        return self.lineage.origin == "holdout"

    @property
    def maker(self) -> str:
        """The stage that made it; for a row that people gave, what they gave it as."""
        return self.lineage.stage or self.lineage.origin

    @property
    def draft(self) -> bool:
        """Whether a model wrote some of it: what `accepted`, `target` and `count` count."""
        return not self.given

    def kept(self) -> Row:
        """The row after the last stage."""
        return self._with(outcome=Kept())

    def waiting(self, stage: str) -> Row:
        """The row as a run leaves it that stops before `stage`."""
        return self._with(outcome=Pending(stage))

    def dropped(self, stage: str, reason: Reason, detail: str | None = None) -> Row:
        """The row, dropped by `stage`; `detail` are the words."""
        return self._with(outcome=Dropped(stage, reason, detail))

    def failed(self, stage: str, detail: str) -> Row:
        """The row, failed at `stage`: its request could not be answered."""
        return self._with(outcome=Failed(stage, detail))

    def with_event(self, stage: str, did: Action | Sequence[str], **details: Any) -> Row:
        """The row with one more event: what `stage` did, as an action or in short fixed words."""
        event = Event(stage, [did] if isinstance(did, str) else did, details)
        return self._with(history=(*self.history, event))

    def with_messages(self, messages: Sequence[FrozenJson]) -> Row:
        """The row with another conversation, and the same tools."""
        return self._with(conversation=self.conversation.with_messages(messages))

    def with_reply(self, text: str) -> Row:
        """The row with a new message of the assistant, which replaces the answer that is there."""
        return self._with(conversation=self.conversation.with_reply(text))

    def with_lineage(self, lineage: Lineage, *, reasoning: str | None) -> Row:
        """The row as made by another request; `reasoning` is what its model thought."""
        return self._with(lineage=lineage, reasoning=reasoning)

    def with_score(self, key: str, score: float) -> Row:
        """The row with one more score, or another one under the same key."""
        return self._with(scores=FrozenDict({**self.scores, key: score}))

    def _with(self, **changes: Any) -> Row:
        """As `dataclasses.replace`, but several times as fast. The changes have to be frozen already."""
        new = object.__new__(Row)
        for name in _FIELDS:
            object.__setattr__(new, name, changes[name] if name in changes else getattr(self, name))
        return new

    @classmethod
    def from_json(cls, receipt: Json) -> Row:
        """From a receipt: what `to_json` gives."""
        lineage = receipt["lineage"]
        return cls(
            id=receipt["id"],
            conversation=Conversation(receipt["messages"], receipt["tools"]),
            lineage=Lineage(**lineage),
            outcome=_outcome(receipt),
            candidates=tuple(map(Candidate.from_json, receipt["candidates"])),
            scores=freeze(receipt["scores"]),
            labels=freeze(receipt["labels"]),
            history=tuple(map(Event.from_json, receipt["history"])),
            cluster=receipt["cluster"],
            reasoning=receipt.get("reasoning"),
            review=Review.from_json(receipt["review"]),
            superseded=receipt["status"] == "superseded",
        )

    def to_json(self) -> Json:
        """Everything that is known about it, as `synth show --json` and `receipts.jsonl` give it: plain JSON
        that belongs to the caller."""
        plain: Json = thaw(self._parts())
        return plain

    def to_bytes(self) -> bytes:
        """The same, written: without a copy of what is frozen."""
        return orjson.dumps(self._parts())

    def _parts(self) -> Json:
        return {
            "id": self.id,
            "status": self.status,
            "stage": self.stage,
            "reason": self.reason,
            "detail": self.detail,
            "messages": self.conversation.messages,
            "tools": self.conversation.tools,
            "candidates": [candidate.to_json() for candidate in self.candidates],
            "scores": self.scores,
            "labels": self.labels,
            "cluster": self.cluster,
            "reasoning": self.reasoning,
            "review": self.review.to_json(),
            "history": [event.to_json() for event in self.history],
            "lineage": {
                "origin": self.lineage.origin,
                "parents": self.lineage.parents,
                "shots": self.lineage.shots,
                "stage": self.lineage.stage,
                "prompt": self.lineage.prompt,
                "model": self.lineage.model,
                "sampling": self.lineage.sampling,
                "request": self.lineage.request,
                "source": self.lineage.source,
                "topic": self.lineage.topic,
            },
        }


_FIELDS = tuple(each.name for each in fields(Row))


def _outcome(receipt: Json) -> Outcome:
    if receipt["reason"] == REQUEST_FAILED:
        return Failed(receipt["stage"], receipt["detail"])
    if receipt["reason"] is not None:
        return Dropped(receipt["stage"], receipt["reason"], receipt["detail"])
    return Pending(receipt["stage"]) if receipt["status"] == "pending" else Kept()
