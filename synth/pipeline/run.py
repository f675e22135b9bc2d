"""Runs a recipe into its folder, or resumes an earlier call.

A run is replayed, not restored: every call moves the same rows through the same stages in the same order, and
answers requests from the journal if it has their replies. So new, resumed and edited runs share one code
path, and the result depends only on recipe, sources and replies (see docs/how-it-works.md).
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import orjson

from synth.errors import NothingServes, SynthError
from synth.llm.base import Json
from synth.llm.budget import BudgetLedger, Cost, usd
from synth.llm.model import Model
from synth.pipeline.build import build_clients, build_stage, build_stages
from synth.pipeline.commit import Committer
from synth.pipeline.digest import source_digest
from synth.pipeline.fingerprint import fingerprint_of
from synth.pipeline.inputs import RunInputs, read_inputs
from synth.pipeline.preflight import preflight
from synth.pipeline.progress import Progress
from synth.pipeline.report import RunResult, notes_of, report_of
from synth.pipeline.scheduler.flow import Flow
from synth.pipeline.scheduler.makers import MakerDriver
from synth.pipeline.seed_languages import language_warnings
from synth.pipeline.session import Session
from synth.pipeline.summary import price_of
from synth.pipeline.target import Target
from synth.recipe.model import Recipe, StageSpec
from synth.redaction import open_redactor
from synth.stages.base import Maker, OrderedStage, Stage
from synth.stages.context import Context
from synth.store import RunStore


async def run_recipe(
    recipe: Recipe, out: Path, progress: Progress, *, retry_failed: bool = False
) -> RunResult:
    """One call of `synth run`. Raises `SynthError` for errors before the first request.

    The result has errors that stop the run later (a spent budget, a server that is gone, a full disk).
    """
    preflight(recipe, out)
    redactor = open_redactor(recipe, out, progress.say)
    try:
        given = read_inputs(recipe, progress.say, redactor)
        for warning in language_warnings(recipe, given.seeds):
            progress.say(warning)
        return await _call(recipe, given, RunStore(out, recipe.name), progress, retry_failed=retry_failed)
    finally:
        if redactor is not None:
            redactor.close()


async def _call(
    recipe: Recipe, given: RunInputs, store: RunStore, progress: Progress, *, retry_failed: bool
) -> RunResult:
    try:
        store.start()
        return await Call(recipe, given, store, progress).call(retry_failed=retry_failed)
    finally:
        store.close()


class Call:
    """One call of `synth run`. A dry run (`synth.pipeline.dry_run_estimate`) has other models and stages."""

    def __init__(self, recipe: Recipe, given: RunInputs, store: RunStore, progress: Progress) -> None:
        self._recipe = recipe
        self._given = given
        self._store = store
        self._progress = progress
        self._ledger = BudgetLedger(recipe.budget)
        self._models = self._build_models()
        context = Context(
            recipe,
            self._models,
            progress.say,
            given.seeds,
            given.passages,
            given.failures,
            given.requests,
            given.request_files,
            given.redacted,
        )
        self._stages = build_stages(context, self._build_stage)
        self._sources = source_digest(recipe)
        self._committer = Committer(store, recipe)
        self._before = store.usage()
        wanted = _least(recipe.target, recipe.limit) if recipe.target is not None else None
        self._target = Target(wanted, self._committer.counts)
        self._session = Session(
            self._build_flow(),
            given.slots(),
            self._target,
            self._committer,
            progress,
            self._ledger.asked.total,
        )
        progress.begin([stage.name for stage in self._stages])
        progress.ledger, progress.models = self._ledger, tuple(self._models.values())

    def _build_models(self) -> dict[str, Model]:
        clients = build_clients(self._recipe, self._progress.say)
        return {
            name: Model(name, config, clients[name], self._store, self._ledger)
            for name, config in self._recipe.models.items()
        }

    def _build_stage(self, spec: StageSpec, context: Context) -> Stage:
        return build_stage(spec, context)

    async def call(self, *, retry_failed: bool) -> RunResult:
        """Runs until the end or an error. In both cases everything is on disk afterwards."""
        started = time.monotonic()
        if retry_failed and not await self._store.retry_failures():
            self._progress.say("No request failed: there is nothing to retry.")
        fingerprint = self._fingerprint()
        recipe = orjson.loads(self._recipe.model_dump_json(by_alias=True))
        if self._store.begin(fingerprint, recipe, self._recipe.folder):
            self._progress.say("Nothing to do: this run is finished.")
            return self._report(self._counters(started), None)
        self._committer.refresh()
        self._book_earlier_calls()
        error: SynthError | None = None
        try:
            await self._work()
        except SynthError as stop:
            error = stop
            folder = shlex.quote(os.path.relpath(self._store.folder.path))
            error.hint = error.hint and re.sub(r"\bRUN\b", lambda _: folder, error.hint)
            if isinstance(stop, NothingServes):
                # No row is at fault. After the server or recipe is fixed, the next call sends these requests
                # again.
                await self._store.mark_retry()
        finally:
            counters = await self._wind_up(started)
        if error is None:
            self._store.finish(
                fingerprint, notes_of(self._given, self._stages, self._sources, self._progress)
            )
        return self._report(counters, error)

    def _fingerprint(self) -> str:
        redactor = self._given.redactor
        key = redactor.fingerprint if redactor else None
        return fingerprint_of(self._recipe, self._stages, self._sources, key, self._committer.digest)

    async def _work(self) -> None:
        await self._prepare()
        drivers = self._drivers()
        self._announce_wanted(drivers)
        await self._session.run(drivers)

    async def _prepare(self) -> None:
        """Prepares the stages before the first row."""
        for stage in self._stages:
            await stage.prepare()

    def _drivers(self) -> list[MakerDriver]:
        recipe = self._recipe
        drivers = []
        for index, stage in enumerate(self._stages, start=1):
            if isinstance(stage, Maker):
                wanted = None if self._target.wanted is not None else _least(stage.count, recipe.limit)
                asked = partial(self._ledger.asked.__getitem__, stage.name)
                drivers.append(self._driver(stage, index, wanted, asked))
        return drivers

    def _driver(self, maker: Maker, index: int, wanted: int | None, asked: Callable[[], int]) -> MakerDriver:
        return MakerDriver(maker, index, wanted, self._recipe.window, asked)

    def _build_flow(self) -> Flow:
        return Flow(self._stages, self._progress, self._recipe.window)

    def _announce_wanted(self, drivers: Sequence[MakerDriver]) -> None:
        """Tells the display the number of expected drafts. The number of prompts is unknown until they are
        read.
        """
        progress = self._progress
        progress.target = self._target.wanted
        progress.bounded = self._recipe.sources.prompts is None and all(
            driver.wanted is not None for driver in drivers
        )
        for driver in drivers:
            progress.stages[driver.index].wanted = driver.wanted
        for count, stage in zip(progress.stages[1:], self._stages, strict=True):
            count.asks = not isinstance(stage, OrderedStage)

    async def _wind_up(self, started: float) -> Json:
        """Commits unfinished rows as pending, and closes the clients."""
        self._session.leave_pending()
        for model in self._models.values():
            await model.client.close()
        self._store.drain()
        self._given.skipped.write(self._store.folder)
        carried = self._committer.refresh()
        if carried:
            self._progress.say(
                f"{carried} rows that people decided on are not made by this recipe any more: they stay,"
                " and are exported, but do not count."
            )
        counters = self._counters(started)
        self._store.note_call(counters)
        return counters

    def _report(self, counters: Json, error: SynthError | None) -> RunResult:
        return report_of(self._store, list(self._models.values()), self._before, self._given, counters, error)

    def _counters(self, started: float) -> Json:
        prefix = self._progress.prefix_counts
        return {
            "reused": self._ledger.reused,
            "prefix_queries": prefix.queries,
            "prefix_hits": prefix.hits,
            "retries": sum(model.client.retries for model in self._models.values()),
            "seconds": round(time.monotonic() - started, 3),
        }

    def _book_earlier_calls(self) -> None:
        for used in self._before:
            price = price_of(used.model, self._models.values())
            tokens = used.usage.prompt + used.usage.completion
            self._ledger.used.add(Cost(used.requests, tokens, usd(price, used.usage)))


def _least(count: int | None, limit: int | None) -> int | None:
    """The lower of two bounds, each of which may be missing."""
    bounds = [bound for bound in (count, limit) if bound is not None]
    return min(bounds) if bounds else None
