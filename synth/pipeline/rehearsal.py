"""A run without its models: what the run folder can answer is answered from there, the rest is counted.

It is the run itself up to the first request of each row that nobody has answered. From there on, stages say
what they will ask (`expect`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, cast

from synth.errors import Unfinished
from synth.frozen import FrozenJson
from synth.llm.base import PrefixCounts, Reply, Request, RequestFailed, Usage, estimated_tokens
from synth.llm.chat_completions import read_reply
from synth.llm.model import BudgetLedger, Memory, Model, usd
from synth.pipeline.build import Stage, build_stage, stage_class
from synth.pipeline.flow import draws_on_rows, is_maker
from synth.pipeline.run import Call
from synth.recipe.base import ModelConfig
from synth.recipe.model import StageSpec
from synth.row import Row
from synth.stages.base import Context, NotAsked
from synth.stages.expected import Expected, Making, Requests
from synth.user_code import split_name

# Prompts of one stage that are kept to be shown: one of each kind.
_KINDS = 4


class NotAskedYet(RequestFailed):
    """The same before the first row: the stage does without the answer, and comes to its next request."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A prompt of a stage. `before` tells that it is asked before the first row, `made_up` that text of the
    fake model is in it, in the place of drafts."""

    stage: str
    messages: Sequence[FrozenJson]
    before: bool
    made_up: bool

    @property
    def kind(self) -> tuple[bool, str]:
        """Prompts of one kind begin with the same system prompt."""
        first = self.messages[0]
        return self.before, str(first["content"]) if first["role"] == "system" else ""


@dataclass
class Asked:
    """What requests of one stage are like, from those that were come to."""

    shown: list[Shown] = field(default_factory=list)
    before: int = 0
    requests: int = 0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    usd: float = 0.0

    def note(self, model: Model, request: Request, shown: Shown) -> None:
        """Takes note of a request that would be sent."""
        usage = Usage(estimated_tokens(len(request.canonical)), request.max_tokens)
        self.requests += 1
        self.before += shown.before
        self.prompt_tokens += usage.prompt
        self.completion_tokens += usage.completion
        self.usd += usd(model.config.price, usage)
        if len(self.shown) < _KINDS and shown.kind not in [other.kind for other in self.shown]:
            self.shown.append(shown)


@dataclass
class Record:
    """What was come to, by stage; `answered` counts replies of the run folder."""

    made_up: bool
    stages: dict[str, Asked] = field(default_factory=dict)
    answered: Counter[str] = field(default_factory=Counter)
    preparing: bool = False

    def note(self, model: Model, request: Request) -> None:
        """A request that would be sent."""
        shown = Shown(model.stage, request.messages, self.preparing, self.made_up)
        self.stages.setdefault(model.stage, Asked()).note(model, request, shown)


class _Client:
    """Has a model's name, and reads its replies."""

    in_flight = retries = 0
    prefix_counts = PrefixCounts()

    def __init__(self, model: str) -> None:
        self.model = model

    async def open(self) -> None:
        """Nothing to do."""

    async def ask(self, request: Request) -> bytes:
        """Nobody is asked."""
        raise NotAsked

    def read(self, raw: bytes) -> Reply:
        """Parses a reply of the journal."""
        return read_reply(raw)

    async def close(self) -> None:
        """Nothing to do."""


class _UnaskedModel(Model):
    """Answers from the journal, and takes note of what it would have to send."""

    def __init__(
        self, record: Record, name: str, config: ModelConfig, memory: Memory, ledger: BudgetLedger
    ) -> None:
        super().__init__(name, config, _Client(config.model), memory, ledger)
        self._record = record

    async def _reply(self, request: Request) -> tuple[Reply, int | None]:
        try:
            answered = await super()._reply(request)
        except NotAskedYet:
            raise
        except RequestFailed:  # as the journal has it
            self._record.answered[self.stage] += 1
            raise
        self._record.answered[self.stage] += 1
        return answered

    async def _send(self, request: Request) -> tuple[Reply, int]:
        self._record.note(self, request)
        if self._record.preparing:
            raise NotAskedYet("it has not been asked")
        raise NotAsked


class _AskedModel(Model):
    """The fake model, of whose requests it takes note."""

    def __init__(self, record: Record, model: Model, memory: Memory, ledger: BudgetLedger) -> None:
        super().__init__(model.name, model.config, model.client, memory, ledger)
        self._record = record

    async def _send(self, request: Request) -> tuple[Reply, int]:
        self._record.note(self, request)
        return await super()._send(request)


class Sample(Call):
    """A run of a few rows on the fake model, for a look at its prompts."""

    def _build_models(self) -> dict[str, Model]:
        self.record = Record(made_up=True)
        models = super()._build_models()
        return {n: _AskedModel(self.record, m, self._store, self._ledger) for n, m in models.items()}

    def _build_stages(self, context: Context) -> list[Stage]:
        return [
            # Made-up answers would be dropped elsewhere.
            build_stage(spec, context) if _asks(spec) else cast(Stage, _Passing(spec.name))
            for spec in context.recipe.stages
        ]

    async def _prepare(self) -> None:
        self.record.preparing = True
        await super()._prepare()
        self.record.preparing = False


def _asks(spec: StageSpec) -> bool:
    return any(hasattr(stage_class(spec.kind), method) for method in ("expect", "preparation"))


class _Passing:
    """In the place of a stage that is not to run: code of the user's own runs under `synth run` alone."""

    def __init__(self, name: str, *files: Path) -> None:
        self.name = name
        self.files = files

    async def ask(self, row: Row) -> Row:
        """Lets every row pass."""
        return row


class _Asking:
    """A stage that asks about rows. Those that the run folder cannot answer stop here."""

    def __init__(self, stage: Any) -> None:
        self._stage = stage
        self.requests = Requests()
        self.stopped: list[Row] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    async def ask(self, row: Row) -> Row:
        """As the stage does, where everything is answered."""
        try:
            return cast(Row, await self._stage.ask(row))
        except NotAsked as stop:
            expected: Expected = self._stage.expect(stop.row or row)
            self.requests += expected.requests
            if row.given:  # those go on whatever is answered
                return expected.row
            self.stopped.append(expected.row)
            return expected.row.failed(self._stage.name, "it has not been asked")


class _Making:
    """A maker. From its first draw on that the run folder cannot answer, it makes nothing more."""

    def __init__(self, stage: Any) -> None:
        self._stage = stage
        self.kept = self.drawn = self.unanswered = 0
        self.stopped = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    def draw(self, index: int) -> Any:
        """The next draw, as long as all are answered."""
        drawn = None if self.stopped else self._stage.draw(index)
        self.drawn += drawn is not None
        return drawn

    async def make(self, index: int, drawn: Any) -> list[Row]:
        """Its rows; none where they have not been asked for."""
        try:
            return cast(list[Row], await self._stage.make(index, drawn))
        except NotAsked:
            self.stopped = True
            self.unanswered += 1
            return []

    def admit(self, index: int, row: Row) -> Row:
        """Counts what passes."""
        row = cast(Row, self._stage.admit(index, row))
        self.kept += row.pending
        return row


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """What is still to be asked for one stage, and how many of its requests are answered already."""

    stage: str
    requests: Requests
    answered: int
    preparation: str


@dataclass(slots=True)
class Coming:
    """So many rows of one form that are still to come to the stages behind; `maker` made them."""

    row: Row
    maker: str | None
    count: int = 1


class Rehearsal(Call):
    """The run, up to where nobody has answered yet."""

    def _build_models(self) -> dict[str, Model]:
        self.record = Record(made_up=False)
        return {
            name: _UnaskedModel(self.record, name, config, self._store, self._ledger)
            for name, config in self._recipe.models.items()
        }

    def _build_stages(self, context: Context) -> list[Stage]:
        self.unrun: list[str] = []
        return [self._watched(spec, context) for spec in self._recipe.stages]

    def _watched(self, spec: StageSpec, context: Context) -> Stage:
        if function := getattr(spec.options, "function", None):
            self.unrun.append(spec.name)
            return cast(Stage, _Passing(spec.name, self._recipe.folder / split_name(function)[0]))
        stage = build_stage(spec, context)
        if is_maker(stage):
            return cast(Stage, _Making(stage))
        return cast(Stage, _Asking(stage)) if hasattr(stage, "expect") else stage

    @property
    def answered_in_all(self) -> int:
        """Requests that the run folder has a reply to."""
        return sum(use.requests for use in self._store.usage())

    @property
    def fingerprint(self) -> str:
        """That of the run itself."""
        return self._fingerprint()

    async def _prepare(self) -> None:
        self.record.preparing = True
        for place, stage in enumerate(self._stages):
            try:
                if hasattr(stage, "prepare"):
                    await stage.prepare()
            except Unfinished:
                # Without the topics that it would name, nothing is known about the drafts behind it.
                for maker in self._stages[place:]:
                    if isinstance(maker, _Making):
                        maker.stopped = True
        self.record.preparing = False

    async def estimate(self) -> list[StageEstimate]:
        """Goes as far as replies lead, and adds what stages expect from there on."""
        with suppress(Unfinished):  # with a target: it is out of reach of these replies alone
            await self._work()
        coming: list[Coming] = []
        estimates = []
        for index, stage in enumerate(self._stages, start=1):
            requests = Requests() if self._target_reached else self._expected(index, stage, coming)
            if asked := self.record.stages.get(stage.name):
                requests += Requests.exactly(asked.before)
            answered, preparation = self.record.answered[stage.name], getattr(stage, "preparation", "")
            estimates.append(StageEstimate(stage.name, requests, answered, preparation))
        return estimates

    def _expected(self, index: int, stage: Stage, coming: list[Coming]) -> Requests:
        """Of one stage; what comes of it joins what is `coming` to the stages behind."""
        if isinstance(stage, _Making):
            return self._of_maker(index, stage, coming)
        if not isinstance(stage, _Asking):
            return Requests()
        requests = stage.requests
        for each in coming:
            expected: Expected = stage.expect(each.row)
            each.row = expected.row
            requests += expected.requests.times(each.count).perhaps(more=self._target is not None)
        coming += [Coming(row, None) for row in stage.stopped]
        return requests

    def _of_maker(self, index: int, stage: _Making, coming: list[Coming]) -> Requests:
        if draws_on_rows(cast(Stage, stage)):
            for each in coming:
                if stage.parents.wanted(each.row, each.maker):
                    stage.parents.expect(each.row, each.count)
        wanted = self._wanted(stage, coming)
        if wanted == 0:
            return Requests()
        making: Making = stage.expect(wanted, stage.drawn - stage.unanswered)
        if making.drafts:
            coming.append(Coming(making.draft, stage.name, making.drafts))
        return making.requests if self._target is None else making.requests.perhaps(more=True)

    def _wanted(self, stage: _Making, coming: list[Coming]) -> int | None:
        """Drafts that are still to pass; with a target, the maker's share of what is missing."""
        if self._target is None:
            bounds = [bound for bound in (stage.count, self._recipe.limit) if bound is not None]
            return max(0, min(bounds) - stage.kept) if bounds else None
        shares = [maker.count or 0 for maker in self._stages if isinstance(maker, _Making)]
        missing = self._target - self._accepted - sum(each.count for each in coming if each.maker is None)
        share = (stage.count or 0) / sum(shares) if any(shares) else 1 / len(shares)
        return max(0, ceil(missing * share))
