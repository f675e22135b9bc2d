"""Runs a recipe into its folder, or goes on where an earlier call ended.

A run is replayed, not restored: every call carries the same rows through the same stages in the same
order, and a request whose reply is in the journal is answered from there. So a resumed, an edited and an
undisturbed run are one code path, and what they end with depends on recipe, sources and replies alone
(see docs/how-it-works.md).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from synth.errors import NothingServes, SynthError, Unfinished
from synth.llm.base import Json
from synth.llm.budget import BudgetLedger, Cost, usd
from synth.llm.model import Model
from synth.pipeline.build import build_clients, build_stage, build_stages
from synth.pipeline.commit import Committer
from synth.pipeline.digest import file_digest, source_digest
from synth.pipeline.flow import Flow, Gate, Ticket
from synth.pipeline.inputs import RunInputs, read_inputs
from synth.pipeline.maker import PATIENCE, MakerDriver, RequestYield
from synth.pipeline.preflight import preflight
from synth.pipeline.progress import Progress
from synth.pipeline.summary import price_of, request_counts, row_counts
from synth.recipe.model import Recipe, StageSpec
from synth.recipe.renamed_keys import with_old_keys
from synth.redaction import open_redactor
from synth.reports.position_bias import position_bias_of
from synth.reports.topic_coverage import topic_coverage_of
from synth.slot import Slot
from synth.stages.base import Maker, OrderedStage, Stage
from synth.stages.context import Context
from synth.stages.registry import STAGES
from synth.store import RunReader, RunStore

# Slots that live at once: more than any pool of servers works on, few enough to hold in memory.
LIVE_SLOTS = 2048

# With a target, the yield is looked at over so many slots: what was accepted long ago says little.
_LOOK_AGAIN = 1000

# What a finished run was finished by. A change of the pipeline's own logic raises it, and finished runs are
# replayed once; a change of a stage's logic raises the version of that stage.
PIPELINE_VERSION = 4


@dataclass(frozen=True)
class RunResult:
    """How a call ended, as `synth run --json` says it."""

    summary: Json
    error: SynthError | None

    @property
    def exit_code(self) -> int:
        """0 where the run is complete and nothing failed."""
        if self.error is not None:
            return self.error.exit_code
        return 1 if self.summary["failed"] else 0


async def run_recipe(
    recipe: Recipe, out: Path, progress: Progress, *, retry_failed: bool = False
) -> RunResult:
    """One call of `synth run`. Raises `SynthError` for what is wrong before the first request.

    What stops a run later (a budget, a server that is gone, a full disk) is in the result.
    """
    preflight(recipe, out)
    redactor = open_redactor(recipe, out, progress.say)
    try:
        given = read_inputs(recipe, progress.say, redactor)
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
    """One call of `synth run`. A dry run (`synth.pipeline.rehearsal`) has other models and stages."""

    def __init__(self, recipe: Recipe, given: RunInputs, store: RunStore, progress: Progress) -> None:
        self._recipe = recipe
        self._given = given
        self._store = store
        self._progress = progress
        self._ledger = BudgetLedger(recipe.budget)
        self._models = self._build_models()
        context = Context(recipe, self._models, progress.say, given.seeds, given.passages, given.failures)
        self._stages = build_stages(context, self._build_stage)
        self._sources = source_digest(recipe)
        self._flow = self._build_flow()
        self._committer = Committer(store, recipe)
        self._source = given.slots()
        self._before = store.usage()
        self._live: dict[int, Ticket] = {}
        self._stopped: Unfinished | None = None
        self._over = False
        self._end = Gate()
        self._target = _least(recipe.target, recipe.limit) if recipe.target is not None else None
        self._accepted = 0
        self._finished_slots = 0
        self._recent = RequestYield()
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
        """Runs to the end, or to what stops it; either way everything is on disk afterwards."""
        started = time.monotonic()
        if retry_failed and not await self._store.retry_failures():
            self._progress.say("No request failed: there is nothing to retry.")
        fingerprint = self._fingerprint()
        recipe = orjson.loads(self._recipe.model_dump_json(by_alias=True))
        if self._store.begin(fingerprint, recipe, self._recipe.folder):
            self._progress.say("Nothing to do: this run is finished.")
            return self._result(self._counters(started), None)
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
                # No row's own fault: with a mended server or recipe, the next call asks for all of it again.
                await self._store.mark_retry()
        finally:
            counters = await self._wind_up(started)
        if error is None:
            self._store.finish(fingerprint, self._notes())
        return self._result(counters, error)

    def _fingerprint(self) -> str:
        """What decides whether a finished run is still finished."""
        files = [file_digest(file) for stage in self._stages for file in stage.files]
        key = self._given.redactor.fingerprint if self._given.redactor else None
        parts: list[object] = [PIPELINE_VERSION, self._recipe.limit, self._sources]
        parts += [[text for stage in self._stages for text in stage.texts], files, key]
        if self._recipe.target is not None:
            # What people reject is made up for, so it decides how far the run goes.
            parts.append(self._committer.digest)
        versions = {spec.name: STAGES.find(spec.kind).load().version for spec in self._recipe.stages}
        # Stages of version 1 are left out: older runs, which know no versions, stay finished.
        if later := {name: version for name, version in versions.items() if version > 1}:
            parts.append(later)
        # Who is asked about the rows changes nothing in them.
        recipe = orjson.loads(self._recipe.model_dump_json(by_alias=True, exclude={"review"}))
        text = orjson.dumps(with_old_keys(recipe)) + orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(text).hexdigest()

    async def _work(self) -> None:
        """Every slot through every stage; stops taking in new ones when told to."""
        await self._prepare()
        free = asyncio.Semaphore(LIVE_SLOTS)
        drivers = self._drivers()
        self._announce_wanted(drivers)
        tickets = self._flow.tickets(self._source, drivers, self._room, target=self._target is not None)
        try:
            async with asyncio.TaskGroup() as lives:
                try:
                    async for ticket in tickets:
                        await free.acquire()
                        number = self._end.number()
                        self._live[number] = ticket
                        if self._stopped:
                            break
                        lives.create_task(self._carry(number, ticket, free))
                except Unfinished as stop:
                    self._stopped = stop
        except* _Over:
            # Drafts that come later in the run's order are no rows; sources short of the target stay pending.
            given = {n: ticket for n, ticket in self._live.items() if ticket.slot.key[0] == 0}
            self._live = {} if self._target_reached else given
        except* SynthError as group:
            raise _first(group) from None
        finally:
            await tickets.aclose()
        if self._stopped and not self._target_reached:
            raise self._stopped
        if self._target is not None and not self._target_reached:
            raise Unfinished(
                f"{self._accepted} rows are accepted, not {self._target}: the sources are used up.",
                where="target",
                hint="Add documents, prompts or seeds, or lower the target.",
            )

    async def _prepare(self) -> None:
        """What stages have to know before the first row."""
        for stage in self._stages:
            await stage.prepare()

    def _drivers(self) -> list[MakerDriver]:
        recipe = self._recipe
        drivers = []
        for index, stage in enumerate(self._stages, start=1):
            if isinstance(stage, Maker):
                wanted = None if self._target is not None else _least(stage.count, recipe.limit)
                asked = partial(self._ledger.asked.__getitem__, stage.name)
                drivers.append(self._driver(stage, index, wanted, asked))
        return drivers

    def _driver(self, maker: Maker, index: int, wanted: int | None, asked: Callable[[], int]) -> MakerDriver:
        return MakerDriver(maker, index, wanted, self._recipe.window, asked)

    def _build_flow(self) -> Flow:
        return Flow(self._stages, self._progress, self._recipe.window)

    def _announce_wanted(self, drivers: Sequence[MakerDriver]) -> None:
        """For whoever shows how long it takes. How many prompts there are, only reading them tells."""
        progress = self._progress
        progress.target = self._target
        progress.bounded = self._recipe.sources.prompts is None and all(
            driver.wanted is not None for driver in drivers
        )
        for driver in drivers:
            progress.stages[driver.index].wanted = driver.wanted
        for count, stage in zip(progress.stages[1:], self._stages, strict=True):
            count.asks = not isinstance(stage, OrderedStage)

    def _room(self) -> int:
        """With a target: how many more requests are worth having under way, at the yield so far."""
        if self._target is None:
            return LIVE_SLOTS
        share = (self._accepted + 1) / (self._finished_slots + 1)
        return int((self._target - self._accepted) / share) + 1 - len(self._live)

    @property
    def _target_reached(self) -> bool:
        return self._target is not None and self._accepted >= self._target

    async def _carry(self, number: int, ticket: Ticket, free: asyncio.Semaphore) -> None:
        await self._flow.live(ticket)
        if self._target is not None:
            await self._end.wait(number)
            self._end.passed()
            if self._over:
                return
            self._cut_at_target(ticket.slot, self._target)
        self._finish(ticket.slot)
        del self._live[number]
        free.release()
        if self._target is not None:
            self._end_if_decided(self._target)

    def _end_if_decided(self, target: int) -> None:
        """With a target, makers go on for ever: ends the run where it is reached, or where nearly nothing is
        accepted any more. Which row decides it depends on the run's order alone. A call that goes on with
        such a run first asks for as many drafts as it takes to judge: what made them bad may be mended.
        """
        self._over = self._target_reached
        if self._recent.hopeless and not self._over and self._ledger.asked.total() >= PATIENCE:
            self._over = True
            self._stopped = Unfinished(
                f"{self._accepted} rows are accepted, not {target}, and nearly nothing is any more:"
                f" {self._recent.why()}.",
                where="target",
                hint=f"Look at them with {self._recent.command}.",
            )
        if self._over:
            raise _Over
        if self._recent.requests >= _LOOK_AGAIN:
            self._recent = RequestYield()

    def _cut_at_target(self, slot: Slot, target: int) -> None:
        """Drafts beyond the target are no rows."""
        room = target - self._accepted - sum(self._committer.counts(row) for row, _ in slot.settled)
        kept = []
        for row in slot.rows:
            counts = self._committer.counts(row)
            if counts and room <= 0:
                continue
            room -= counts
            kept.append(row)
        slot.rows = kept

    def _finish(self, slot: Slot) -> None:
        slot.rows = [row.kept() for row in slot.rows]
        every = [row for row, _ in slot.every]
        self._accepted += sum(map(self._committer.counts, every))
        if drafts := [row for row in every if row.draft]:
            self._finished_slots += 1
            self._recent.note(drafts)
        self._progress.accepted = self._accepted
        self._committer.commit(slot)

    async def _wind_up(self, started: float) -> Json:
        """Commits what is unfinished as pending, and closes the clients."""
        for ticket in self._live.values():
            self._commit_pending(ticket.slot, ticket.next)
        if not self._target_reached:
            for slot in self._source:
                self._commit_pending(slot, 1)
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

    def _counters(self, started: float) -> Json:
        prefix = self._progress.prefix_counts
        return {
            "reused": self._ledger.reused,
            "prefix_queries": prefix.queries,
            "prefix_hits": prefix.hits,
            "retries": sum(model.client.retries for model in self._models.values()),
            "seconds": round(time.monotonic() - started, 3),
        }

    def _commit_pending(self, slot: Slot, at: int) -> None:
        at = min(at, len(self._stages))
        slot.suspend(at, self._stages[at - 1].name)
        self._committer.commit(slot)

    def _book_earlier_calls(self) -> None:
        for used in self._before:
            price = price_of(used.model, self._models.values())
            tokens = used.usage.prompt + used.usage.completion
            self._ledger.used.add(Cost(used.requests, tokens, usd(price, used.usage)))

    def _result(self, counters: Json, error: SynthError | None) -> RunResult:
        """Read back from the folder: what is said is what is there."""
        reader = RunReader(self._store.folder.path)
        models = list(self._models.values())
        uses = self._store.usage()
        try:
            call = {**request_counts(uses, models, self._before), **counters}
            total = {**request_counts(uses, models), **reader.total}
            stages = reader.notes.get("stages", {}) if reader.finished else {}
            coverage = topic_coverage_of(reader)
            covered = {"topics": coverage.document()} if coverage else {}
            biases = position_bias_of(reader)
            swapped = {stage: {"position_swap": bias.document()} for stage, bias in biases.items()}
            said = {"stages": {**stages, **swapped}, **covered}
            # A finished run that is not replayed has not read its prompts and documents again.
            notes = reader.notes if reader.finished else {}
            noted, noted_skips = notes.get("repeated", {}), notes.get("skipped", {})
            repeated = {**noted, **self._given.repeated}
            skipped = {**noted_skips, **self._given.skipped.counts}
            left_out = {"repeated": dict(sorted(repeated.items())), "skipped": dict(sorted(skipped.items()))}
            rows = {**row_counts(reader), **left_out}
            return RunResult({**rows, **call, "total": total, **said}, error)
        finally:
            reader.close()

    def _notes(self) -> Json:
        return {
            "messages": list(self._progress.messages),
            "sources": self._sources,
            "seeds": len(self._given.seeds),
            "holdout": len(self._given.holdout),
            "repeated": self._given.repeated,
            "skipped": self._given.skipped.counts,
            "stages": {stage.name: report for stage in self._stages if (report := stage.report())},
        }


class _Over(Exception):
    """Ends the run at the row that decided it."""


def _least(count: int | None, limit: int | None) -> int | None:
    """The lower one of two bounds, of which each may be missing."""
    bounds = [bound for bound in (count, limit) if bound is not None]
    return min(bounds) if bounds else None


def _first(group: BaseExceptionGroup[SynthError]) -> SynthError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
