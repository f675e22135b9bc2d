"""The row: frozen and typed, from the source to the export. JSON exists only in `from_json` and `to_json`."""

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

# The origins of given rows. They are trusted: no stage drops them.
Origin = Literal["seed", "holdout", "prompt", "document", "failure", "mixed"]
ReviewStatus = Literal["none", "pending", "accepted", "edited", "rejected", "restored", "conflict"]

# The event that the pipeline records for a failed request.
REQUEST_FAILED = "request_failed"


def content_id(*parts: Any) -> str:
    """Sixteen hexadecimal digits that depend only on `parts` (any JSON values)."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Lineage:
    """The provenance of a row.

    `parents` are the rows whose text it was made from; it must be in the same split as they are. `shots` are
    the few-shot examples in its prompt, which do not affect its split. `request` is the identity of the
    request whose reply it is. `source` is the position in a document: `file`, `start`, `end`, `heading`.
    `topic` is the requested topic, which the text may have missed.
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
        """Whether the row is an unchanged input (a seed, a held-out row)."""
        return self.origin in ("seed", "holdout") and self.stage is None


@dataclass(frozen=True, slots=True)
class Kept:
    """The row passed every stage."""

    status: ClassVar[Status] = "kept"


@dataclass(frozen=True, slots=True)
class Pending:
    """The row has further stages to pass. If the run stopped before them, `stage` is the next one."""

    stage: str | None = None
    status: ClassVar[Status] = "pending"


@dataclass(frozen=True, slots=True)
class Dropped:
    """`stage` dropped the row for a `Reason`, stored as its code. `detail` is a message."""

    stage: str
    reason: str
    detail: str | None = None
    status: ClassVar[Status] = "dropped"


@dataclass(frozen=True, slots=True)
class Failed:
    """A request of `stage` failed. `detail` says why."""

    stage: str
    detail: str | None = None
    status: ClassVar[Status] = "failed"


Outcome = Kept | Pending | Dropped | Failed


# The labels that stages write to say how they made a row. No label of people has such a name.
VARIED = "vary."
PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An alternative answer of a row.

    `source` is `answer` (the row's answer when candidates were requested), `failure` or `rejected` (people
    found it worse), or None for a candidate from a model. `by_order` has the judge's scores for the two
    orders of the candidates.
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
        """Whether people have already found it to be worse than the row's answer."""
        return self.source in ("failure", "rejected")

    @classmethod
    def from_json(cls, data: FrozenJson) -> Candidate:
        """From the JSON of a receipt."""
        return cls(**data)

    def to_json(self) -> Json:
        """The JSON in receipts, without unknown values. A failure always has its model, even if it is
        `null`.
        """
        known: Json = {"content": self.content, "source": self.source, "model": self.model}
        known |= {"sampling": thaw(self.sampling), "request": self.request, "system": self.system}
        known |= {"score": self.score, "by_order": list(self.by_order) or None}
        always = {"content", "model"} if self.source == "failure" else {"content"}
        return {key: value for key, value in known.items() if value is not None or key in always}


@dataclass(frozen=True, slots=True)
class Event:
    """One action of a stage on a row: `did` has codes (see `Action`), `details` further values."""

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
        """The JSON in receipts."""
        return {"stage": self.stage, "did": [str(word) for word in self.did], **thaw(self.details)}


@dataclass(frozen=True, slots=True)
class Review:
    """The result of a row's review.

    `by` has the annotators' names, `at` the time of the last answer. `before`, `before_prompt` and
    `before_scores` are the values that an edit replaced. `losers` are answers that people liked less than the
    row's. `answers` has each annotator's answer by name. `share` is the share of the sample that the row was
    drawn for. `waiting` counts the missing answers.
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
        """The JSON in receipts: `{"status": "none"}` for a row that was not shown."""
        if self.status == "none":
            return {"status": "none"}
        block: Json = {"status": self.status, "by": list(self.by), "at": self.at, "before": self.before}
        block |= {"answers": thaw(self.answers), "share": self.share, "waiting": self.waiting}
        further: Json = {"before_prompt": self.before_prompt, "losers": list(self.losers) or None}
        further |= {"adjudicated": self.adjudicated or None, "before_scores": thaw(self.before_scores)}
        return block | {key: value for key, value in further.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation with its history. A stage that changes something returns a new row.

    `scores` are a judge's numbers by rubric. `labels` are the classes that the recipe asks for, by name.
    `cluster` is the id of the first row of a group of near-duplicates. A row is `superseded` if the last
    run's recipe does not make it any more.
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
        # Freezes copies, because the caller may keep and change the list or dictionary that it passed.
        object.__setattr__(self, "candidates", tuple(self.candidates))
        object.__setattr__(self, "scores", freeze(self.scores))
        object.__setattr__(self, "labels", freeze(self.labels))
        object.__setattr__(self, "history", tuple(self.history))

    @property
    def status(self) -> Status:
        """The status as one word, as in `synth show --status`."""
        return "superseded" if self.superseded else self.outcome.status

    @property
    def pending(self) -> bool:
        """Whether the row has further stages to pass."""
        return isinstance(self.outcome, Pending)

    @property
    def stage(self) -> str | None:
        """The stage that dropped or failed the row, or that it waits for."""
        return None if isinstance(self.outcome, Kept) else self.outcome.stage

    @property
    def reason(self) -> str | None:
        """The reason code of a dropped or failed row."""
        if isinstance(self.outcome, Failed):
            return REQUEST_FAILED
        return str(self.outcome.reason) if isinstance(self.outcome, Dropped) else None

    @property
    def detail(self) -> str | None:
        """The message of a dropped or failed row."""
        return self.outcome.detail if isinstance(self.outcome, Dropped | Failed) else None

    @property
    def given(self) -> bool:
        """Whether it is an unchanged input (a seed, a held-out row): trusted, and never dropped by a
        stage.
        """
        return self.lineage.given

    @property
    def held_out(self) -> bool:
        """Whether it is held out, so that no prompt may ever show it."""
        return self.lineage.origin == "holdout"

    @property
    def maker(self) -> str:
        """The stage that made it, or the kind of input for a given row."""
        return self.lineage.stage or self.lineage.origin

    @property
    def draft(self) -> bool:
        """Whether a model wrote some of it. `accepted`, `target` and `count` count drafts."""
        return not self.given

    def kept(self) -> Row:
        """The row after the last stage."""
        return self._with(outcome=Kept())

    def waiting(self, stage: str) -> Row:
        """The row in a run that stops before `stage`."""
        return self._with(outcome=Pending(stage))

    def dropped(self, stage: str, reason: Reason, detail: str | None = None) -> Row:
        """The row, dropped by `stage`. `detail` is a message."""
        return self._with(outcome=Dropped(stage, reason, detail))

    def failed(self, stage: str, detail: str) -> Row:
        """The row, failed at `stage`: its request could not be answered."""
        return self._with(outcome=Failed(stage, detail))

    def with_event(self, stage: str, did: Action | Sequence[str], **details: Any) -> Row:
        """The row with one more event. `did` is what `stage` did, as an action or as short fixed phrases."""
        event = Event(stage, [did] if isinstance(did, str) else did, details)
        return self._with(history=(*self.history, event))

    def with_messages(self, messages: Sequence[FrozenJson]) -> Row:
        """The row with another conversation, and the same tools."""
        return self._with(conversation=self.conversation.with_messages(messages))

    def with_reply(self, text: str) -> Row:
        """The row with a new message of the assistant, which replaces an existing answer."""
        return self._with(conversation=self.conversation.with_reply(text))

    def with_lineage(self, lineage: Lineage, *, reasoning: str | None) -> Row:
        """The row with the lineage of another request. `reasoning` is that model's reasoning."""
        return self._with(lineage=lineage, reasoning=reasoning)

    def with_score(self, key: str, score: float) -> Row:
        """The row with this score, which replaces one with the same key."""
        return self._with(scores=FrozenDict({**self.scores, key: score}))

    def _with(self, **changes: Any) -> Row:
        """Like `dataclasses.replace`, but several times as fast. The changes must already be frozen."""
        new = object.__new__(Row)
        for name in _FIELDS:
            object.__setattr__(new, name, changes[name] if name in changes else getattr(self, name))
        return new

    @classmethod
    def from_json(cls, receipt: Json) -> Row:
        """From a receipt, the JSON of `to_json`."""
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
        """The whole row as in `synth show --json` and `receipts.jsonl`. The caller may change the returned
        JSON.
        """
        plain: Json = thaw(self._parts())
        return plain

    def to_bytes(self) -> bytes:
        """`to_json` as bytes, without the copy."""
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
