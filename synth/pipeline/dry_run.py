"""`--dry-run`: estimates the remaining requests of each stage, and shows the first prompts. Sends no
request.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from synth.llm.base import Json
from synth.llm.fake import FakeConfig
from synth.pipeline.dry_run_estimate import Rehearsal, RequestRecord, Sample, ShownPrompt, StageEstimate
from synth.pipeline.inputs import read_inputs
from synth.pipeline.preflight import preflight
from synth.pipeline.progress import Progress
from synth.pipeline.run import Call
from synth.recipe.load import load_recipe
from synth.recipe.model import Budget, Recipe
from synth.redaction import open_redactor
from synth.redaction.ledger import ledger_of
from synth.stages.forecast import Requests
from synth.store import RunFolder, RunReader, RunStore

C = TypeVar("C", bound=Call)

# Rows per source from which the fake model drafts, to show the prompts of later stages.
_SAMPLE = 3


@dataclass(frozen=True)
class Plan:
    """The remaining requests of a run. Prompt tokens are estimated; completion tokens are a maximum."""

    stages: Sequence[StageEstimate]
    shown: Sequence[ShownPrompt]
    answered: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    unrun: Sequence[str] = ()

    @property
    def requests(self) -> Requests:
        """The requests of all stages."""
        return sum((stage.requests for stage in self.stages), Requests())

    def document(self) -> Json:
        """The document that `--dry-run --json` prints."""
        return {
            **_numbers(self.requests, self.answered),
            "stages": [{"stage": s.stage, **_numbers(s.requests, s.answered)} for s in self.stages],
            "tokens": {"prompt": self.prompt_tokens, "completion": self.completion_tokens},
            "cost_usd": self.cost_usd,
            "prompts": [
                {"stage": s.stage, "before_first_row": s.before, "made_up": s.made_up, "messages": s.messages}
                for s in self.shown
            ],
        }

    def heading(self, shown: ShownPrompt) -> str:
        """The heading of a prompt: its stage, its number, and whether it has made-up text."""
        stage = next(stage for stage in self.stages if stage.stage == shown.stage)
        mine = [other for other in self.shown if other.stage == shown.stage and not other.before]
        if shown.before:
            head = f"{shown.stage}, before the first row: {stage.preparation}"
        else:
            head = f"{shown.stage}, prompt {mine.index(shown) + 1} of {stage.requests.words()}"
        return head + (" (with made-up text for the drafts)" if shown.made_up else "")

    def words(self) -> str:
        """The estimate as text: one line per stage with requests, and one for all."""
        asking = [s for s in self.stages if s.requests.usual or s.answered]
        width = max((len(s.stage) for s in asking), default=0)
        lines = [f"{s.stage:<{width}}  {_words(s.requests, s.answered)}" for s in asking]
        cost = f", about {self.cost_usd:.2f} usd at most" if self.cost_usd is not None else ""
        tokens = (
            f"About {self.prompt_tokens:,} tokens of prompts and up to {self.completion_tokens:,} of answers"
        )
        if not self.requests.usual:
            all_of_it = f": all {self.answered:,} requests are answered already" if self.answered else ""
            lines = [f"Nothing is left to ask{all_of_it}."]
        else:
            lines.append(f"In all {_words(self.requests, self.answered)}. {tokens}{cost}.")
        if self.requests.least != self.requests.most:
            lines.append(
                "A draft that its maker's own filters drop costs another request; one that a later stage"
                " drops is asked about no more. Answers that cannot be used are asked for again."
            )
        lines += [
            f"The stage {name!r} is your own code, which a dry run does not run: every row passes it."
            for name in self.unrun
        ]
        return "\n".join([*lines, "Nothing was called."])


def _numbers(requests: Requests, answered: int) -> Json:
    return {
        "requests": requests.usual,
        "at_least": requests.least,
        "at_most": requests.most,
        "answered": answered,
    }


def _words(requests: Requests, answered: int) -> str:
    one = "request" if requests.least == requests.most == 1 else "requests"
    already = f"; {answered:,} more {'is' if answered == 1 else 'are'} answered already" if answered else ""
    return f"{requests.words()} {one}{already}"


async def dry_run(file: Path, settings: list[str], limit: int | None, out: Path | None = None) -> Plan:
    """Moves rows as far as the replies in the run folder allow. `out` is the folder of the real run.

    Nothing is written there, because the dry run works on a copy.
    """
    recipe = load_recipe(file, settings, limit)
    folder = out or recipe.run_folder
    preflight(recipe, folder)
    RunFolder(folder).check_owner(recipe.name)
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch) / folder.resolve().name
        _copy(folder, trial)
        async with _call(Rehearsal, recipe, trial) as rehearsal:
            finished = _is_finished(folder, rehearsal.fingerprint)
            stages = [] if finished else await rehearsal.estimate()
            answered = rehearsal.answered_in_all if finished else rehearsal.record.answered.total()
        records = [rehearsal.record]
        if any(stage.requests.usual for stage in stages):
            few = _few(load_recipe(file, settings, min(limit or _SAMPLE, _SAMPLE)))
            async with _call(Sample, few, Path(scratch) / "sample") as sample:
                await sample.call(retry_failed=False)
            records.append(sample.record)
    return _plan(recipe, stages, answered, records, rehearsal.unrun)


def _copy(folder: Path, trial: Path) -> None:
    """Copies the replies and decisions, and the replacements of a recipe that redacts."""
    trial.mkdir()
    here, there = RunFolder(folder), RunFolder(trial)
    for old, new in (
        (here.about, there.about),
        (here.journal, there.journal),
        (here.decisions, there.decisions),
        (ledger_of(folder), ledger_of(trial)),
    ):
        if old.exists():
            shutil.copyfile(old, new)


@asynccontextmanager
async def _call(kind: type[C], recipe: Recipe, folder: Path) -> AsyncIterator[C]:
    redactor = open_redactor(recipe, folder, _say_nothing)
    try:
        given = read_inputs(recipe, _say_nothing, redactor)
        store = RunStore(folder, recipe.name)
        try:
            store.start()
            yield kind(recipe, given, store, Progress())
        finally:
            store.close()
    finally:
        if redactor is not None:
            redactor.close()


def _say_nothing(words: str) -> None:
    """Ignores messages, which the real run will show."""


def _is_finished(folder: Path, fingerprint: str) -> bool:
    run = RunFolder(folder)
    if not (run.database.exists() and run.recipe.exists()):
        return False
    reader = RunReader(folder)
    try:
        return reader.finished_by(fingerprint)
    finally:
        reader.close()


def _few(recipe: Recipe) -> Recipe:
    """Lets the fake model draft from a few rows."""
    models = {name: FakeConfig(sampling=m.sampling, price=m.price) for name, m in recipe.models.items()}
    changes = {"models": models, "target": None, "holdout": None, "budget": Budget()}
    return recipe.model_copy(update=changes)


def _plan(
    recipe: Recipe,
    stages: Sequence[StageEstimate],
    answered: int,
    records: Sequence[RequestRecord],
    unrun: Sequence[str],
) -> Plan:
    shown: list[ShownPrompt] = []
    prompt = completion = cost = 0.0
    for stage in stages:
        if not stage.requests.usual:
            continue
        asked = [record.stages[stage.stage] for record in records if stage.stage in record.stages]
        kinds = {each.kind: each for one in reversed(asked) for each in one.shown}
        kinds = {kind: each for kind, each in kinds.items() if not (each.before and each.made_up)}
        shown += sorted(kinds.values(), key=lambda each: (not each.before, each.made_up))
        if count := sum(one.requests for one in asked):
            share = stage.requests.usual / count
            prompt += share * sum(one.prompt_tokens for one in asked)
            completion += share * sum(one.completion_tokens for one in asked)
            cost += share * sum(one.usd for one in asked)
    priced = any(model.price for model in recipe.models.values())
    return Plan(
        stages, shown, answered, int(prompt), int(completion), round(cost, 4) if priced else None, unrun
    )
