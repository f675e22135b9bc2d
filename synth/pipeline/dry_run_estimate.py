"""Rehearses a run without its models: replies come from the run folder, and other requests are counted.

It equals the real run up to the first unanswered request of each row. From there on, the stages' forecasts
are used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from synth.errors import Unfinished
from synth.frozen import FrozenJson
from synth.llm.base import PrefixCounts, Reply, Request, RequestFailed, Usage, estimated_tokens
from synth.llm.budget import BudgetLedger, usd
from synth.llm.chat_completions import read_reply
from synth.llm.model import Memory, Model
from synth.pipeline.inputs import RunInputs
from synth.pipeline.progress import Progress
from synth.pipeline.run import Call
from synth.pipeline.scheduler.flow import Flow
from synth.pipeline.scheduler.makers import MakerDriver
from synth.recipe.base import AskingOptions, ModelConfig, StageOptions
from synth.recipe.model import Recipe, StageSpec
from synth.row import Row
from synth.slot import Slot
from synth.stages.asking import NotAsked
from synth.stages.base import Maker, RowMaker, RowStage, Stage
from synth.stages.context import Context
from synth.stages.forecast import Requests
from synth.store import RunStore
from synth.user_code import split_name

# Maximum prompts to show per stage, one of each kind.
_KINDS = 4


class NotAskedYet(RequestFailed):
    """The same before the first row. The stage continues without the reply, to its next request."""


@dataclass(frozen=True, slots=True)
class ShownPrompt:
    """A prompt of a stage. `before`: it is sent before the first row. `made_up`: it has the fake model's
    text in place of drafts.
    """

    stage: str
    messages: Sequence[FrozenJson]
    before: bool
    made_up: bool

    @property
    def kind(self) -> tuple[bool, str]:
        """The kind of a prompt: prompts of one kind have the same system prompt."""
        first = self.messages[0]
        return self.before, str(first["content"]) if first["role"] == "system" else ""


@dataclass
class Asked:
    """The size of one stage's requests, measured on the unanswered ones."""

    shown: list[ShownPrompt] = field(default_factory=list)
    before: int = 0
    requests: int = 0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    usd: float = 0.0

    def note(self, model: Model, request: Request, shown: ShownPrompt) -> None:
        """Records a request that would be sent."""
        usage = Usage(estimated_tokens(len(request.canonical)), request.max_tokens)
        self.requests += 1
        self.before += shown.before
        self.prompt_tokens += usage.prompt
        self.completion_tokens += usage.completion
        self.usd += usd(model.config.price, usage)
        if len(self.shown) < _KINDS and shown.kind not in [other.kind for other in self.shown]:
            self.shown.append(shown)


@dataclass
class RequestRecord:
    """The recorded requests by stage. `answered` counts replies from the run folder."""

    made_up: bool
    stages: dict[str, Asked] = field(default_factory=dict)
    answered: Counter[str] = field(default_factory=Counter)
    preparing: bool = False

    def note(self, model: Model, request: Request) -> None:
        """A request that would be sent."""
        shown = ShownPrompt(model.stage, request.messages, self.preparing, self.made_up)
        self.stages.setdefault(model.stage, Asked()).note(model, request, shown)


class _Client:
    """A client that only parses a model's replies."""

    in_flight = retries = 0
    prefix_counts = PrefixCounts()

    def __init__(self, model: str) -> None:
        self.model = model

    async def open(self) -> None:
        """Nothing to do."""

    async def ask(self, request: Request) -> bytes:
        """Is never called."""
        raise NotAsked

    def read(self, raw: bytes) -> Reply:
        """Parses a reply of the journal."""
        return read_reply(raw)

    async def close(self) -> None:
        """Nothing to do."""


class _UnaskedModel(Model):
    """Answers from the journal, and records requests that it would have to send."""

    def __init__(
        self, record: RequestRecord, name: str, config: ModelConfig, memory: Memory, ledger: BudgetLedger
    ) -> None:
        super().__init__(name, config, _Client(config.model), memory, ledger)
        self._record = record

    async def _reply(self, request: Request, thinking: Request | None = None) -> tuple[Reply, int | None]:
        try:
            answered = await super()._reply(request, thinking)
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
    """The fake model. Records its requests."""

    def __init__(self, record: RequestRecord, model: Model, memory: Memory, ledger: BudgetLedger) -> None:
        super().__init__(model.name, model.config, model.client, memory, ledger)
        self._record = record

    async def _send(self, request: Request) -> tuple[Reply, int]:
        self._record.note(self, request)
        return await super()._send(request)


class Sample(Call):
    """A run of a few rows on the fake model, to show its prompts."""

    def _build_models(self) -> dict[str, Model]:
        self.record = RequestRecord(made_up=True)
        models = super()._build_models()
        return {n: _AskedModel(self.record, m, self._store, self._ledger) for n, m in models.items()}

    def _build_stage(self, spec: StageSpec, context: Context) -> Stage:
        # Other stages might drop made-up answers.
        asks = isinstance(spec.options, AskingOptions)
        return super()._build_stage(spec, context) if asks else PassThrough(spec.name, spec.options, context)

    async def _prepare(self) -> None:
        self.record.preparing = True
        await super()._prepare()
        self.record.preparing = False


class PassThrough(Stage):
    """Replaces a stage with the user's code, which runs only in `synth run`."""

    def __init__(self, name: str, options: StageOptions, context: Context) -> None:
        super().__init__(name, options, context)
        if options.user_code is not None:
            self.files = (context.recipe.folder / split_name(options.user_code)[0],)


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """The remaining requests of one stage, and the number of answered ones."""

    stage: str
    requests: Requests
    answered: int
    preparation: str


@dataclass(slots=True)
class Coming:
    """A number of expected rows of one form for the following stages. `maker` makes them."""

    row: Row
    maker: str | None
    count: int = 1


class _RehearsalFlow(Flow):
    """Stops a row at its first unanswered request."""

    def __init__(self, stages: Sequence[Stage], progress: Progress, window: int) -> None:
        super().__init__(stages, progress, window)
        self.requests = {stage.name: Requests() for stage in stages}
        self.stopped: dict[str, list[Coming]] = {stage.name: [] for stage in stages}

    async def apply(self, stage: RowStage, row: Row, slot: Slot) -> Row:
        """Applies the stage, as long as all requests are answered."""
        try:
            return await super().apply(stage, row, slot)
        except NotAsked as stop:
            forecast = stage.forecast(stop.row or row)
            self.requests[stage.name] += forecast.requests
            if row.given:  # these continue in any case
                return forecast.row
            self.stopped[stage.name].append(Coming(forecast.row, self.maker_of(slot)))
            return forecast.row.failed(stage.name, "it has not been asked")


class _RehearsalDriver(MakerDriver):
    """Stops the maker at its first unanswered draw."""

    stopped = False
    unanswered = 0

    def draw(self, index: int) -> Any:
        """The next draw, as long as all draws are answered."""
        return None if self.stopped else super().draw(index)

    async def make(self, index: int, drawn: Any) -> list[Row]:
        """The rows of a draw. Empty if its requests are unanswered."""
        try:
            return await super().make(index, drawn)
        except NotAsked:
            self.stopped = True
            self.unanswered += 1
            return []


class Rehearsal(Call):
    """The run up to its unanswered requests."""

    def __init__(self, recipe: Recipe, given: RunInputs, store: RunStore, progress: Progress) -> None:
        self.unrun: list[str] = []
        self._makers: dict[int, _RehearsalDriver] = {}
        self._unknown_from = len(recipe.stages)
        super().__init__(recipe, given, store, progress)

    def _build_models(self) -> dict[str, Model]:
        self.record = RequestRecord(made_up=False)
        return {
            name: _UnaskedModel(self.record, name, config, self._store, self._ledger)
            for name, config in self._recipe.models.items()
        }

    def _build_stage(self, spec: StageSpec, context: Context) -> Stage:
        if spec.options.user_code is None:
            return super()._build_stage(spec, context)
        self.unrun.append(spec.name)
        return PassThrough(spec.name, spec.options, context)

    def _build_flow(self) -> Flow:
        self._asked = _RehearsalFlow(self._stages, self._progress, self._recipe.window)
        return self._asked

    def _driver(self, maker: Maker, index: int, wanted: int | None, asked: Callable[[], int]) -> MakerDriver:
        driver = _RehearsalDriver(maker, index, wanted, self._recipe.window, asked)
        driver.stopped = index > self._unknown_from
        self._makers[index] = driver
        return driver

    @property
    def answered_in_all(self) -> int:
        """The number of requests with a reply in the run folder."""
        return sum(use.requests for use in self._store.usage())

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the real run."""
        return self._fingerprint()

    async def _prepare(self) -> None:
        self.record.preparing = True
        for place, stage in enumerate(self._stages):
            try:
                await stage.prepare()
            except Unfinished:
                # Without the topics from its requests, nothing is known about the following drafts.
                self._unknown_from = min(self._unknown_from, place)
        self.record.preparing = False

    async def estimate(self) -> list[StageEstimate]:
        """Runs as far as the replies allow, and adds the stages' forecasts for the rest."""
        with suppress(Unfinished):  # with a target, which these replies alone cannot reach
            await self._work()
        coming: list[Coming] = []
        estimates = []
        for index, stage in enumerate(self._stages, start=1):
            requests = Requests() if self._target.reached else self._expected(index, stage, coming)
            if asked := self.record.stages.get(stage.name):
                requests += Requests.exactly(asked.before)
            answered = self.record.answered[stage.name]
            estimates.append(StageEstimate(stage.name, requests, answered, stage.preparation))
        return estimates

    def _expected(self, index: int, stage: Stage, coming: list[Coming]) -> Requests:
        """The estimate of one stage. Adds its expected rows to `coming` for the following stages."""
        if isinstance(stage, Maker):
            return self._of_maker(stage, self._makers[index], coming)
        if not isinstance(stage, RowStage):
            return Requests()
        requests = self._asked.requests[stage.name]
        for each in coming:
            forecast = stage.forecast(each.row)
            each.row = forecast.row
            requests += forecast.requests.times(each.count).perhaps(more=self._target.wanted is not None)
        coming += self._asked.stopped[stage.name]
        return requests

    def _of_maker(self, stage: Maker, driver: _RehearsalDriver, coming: list[Coming]) -> Requests:
        if isinstance(stage, RowMaker):
            for each in coming:
                if stage.parents.wanted(each.row, each.maker):
                    stage.parents.expect(each.row, each.count)
        wanted = self._wanted(stage, driver, coming)
        if wanted == 0:
            return Requests()
        making = stage.forecast(wanted, driver.drawn - driver.unanswered)
        if making.drafts:
            coming.append(Coming(making.draft, stage.name, making.drafts))
        return making.requests if self._target.wanted is None else making.requests.perhaps(more=True)

    def _wanted(self, stage: Maker, driver: _RehearsalDriver, coming: list[Coming]) -> int | None:
        """The number of drafts that must still pass. With a target, the maker's share of the missing ones."""
        if self._target.wanted is None:
            bounds = [bound for bound in (stage.count, self._recipe.limit) if bound is not None]
            return max(0, min(bounds) - driver.got.kept) if bounds else None
        shares = [maker.count or 0 for maker in self._stages if isinstance(maker, Maker)]
        missing = (
            self._target.wanted
            - self._target.accepted
            - sum(each.count for each in coming if each.maker is None)
        )
        share = (stage.count or 0) / sum(shares) if any(shares) else 1 / len(shares)
        return max(0, ceil(missing * share))
