"""The shapes a stage can have, and what every stage is built from.

`Asks` works on many rows at once, in no order. `Admits` sees rows one after another, in the run's fixed
order. A `Maker` makes new rows: it draws in order, asks many at once, and admits in order. What it draws
on was given (seeds, documents, failures), or are the rows that reach it: a `RowMaker`. Any stage may have an
`async def prepare(self)`, which runs before the first row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from synth.errors import RecipeError
from synth.frozen import FrozenJson
from synth.llm.base import Json, Reply, RequestFailed
from synth.llm.model import Answer, Model
from synth.prompts import Prompt, load_prompt
from synth.recipe.base import AskingOptions, Sampling, Strict
from synth.recipe.model import Recipe
from synth.row import Row
from synth.stages.expected import Making
from synth.stages.given import Failure, Passage, Seed
from synth.stages.parents import Parents
from synth.stages.taxonomy import Taxonomy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JudgeTraits:
    """Whether the tokens of a model's scores come with probabilities, and whether it thinks first."""

    gives_logprobs: bool
    thinks: bool


@dataclass(frozen=True)
class Context:
    """What stages are built from: the recipe, its models by name, what was given, a place for warnings.

    `passages` cuts the documents into pieces of at least and at most so many characters. `texts` gathers
    what a stage's outcome depends on besides recipe and sources, such as its prompts; `judges` is what
    was found out about each model that judges. `taxonomies` are those of the stages before.
    """

    recipe: Recipe
    models: Mapping[str, Model]
    warn: Callable[[str], None]
    seeds: Sequence[Seed] = ()
    passages: Callable[[int, int], Sequence[Passage]] = lambda shortest, longest: ()
    failures: Sequence[Failure] = ()
    texts: list[str] = field(default_factory=list)
    judges: dict[str, JudgeTraits] = field(default_factory=dict)
    taxonomies: list[Taxonomy] = field(default_factory=list)

    @property
    def taxonomy(self) -> Taxonomy | None:
        """What a maker is to fill: the nearest before it."""
        return self.taxonomies[-1] if self.taxonomies else None

    def model(self, usual: str, options: AskingOptions) -> Model:
        """The model that a stage with these options uses."""
        return self.models[self.recipe.stage_model(usual, options.model)]

    def prompt(self, stage: str, options: AskingOptions, default: str, inputs: Sequence[str]) -> Prompt:
        """The prompt that a stage with these options uses, checked against what the stage gives."""
        return self.other_prompt(stage, options.prompt or default, inputs)

    def other_prompt(self, stage: str, named: str, inputs: Sequence[str]) -> Prompt:
        """One more prompt of a stage, which its options do not replace."""
        where = self._place_of(stage, named)
        prompt = load_prompt(stage, named, self.recipe.folder, frozenset(inputs), where=where)
        self.texts.append(prompt.text)
        return prompt

    def where(self, stage: str, *keys: str) -> str:
        """Where the recipe says something of the stage that goes by this name, for an error."""
        names = [spec.name for spec in self.recipe.stages]
        index = names.index(stage)
        return self.recipe.where("stages", index, self.recipe.stages[index].kind, *keys)

    def _place_of(self, kind: str, named: str) -> str | None:
        """Where the recipe names this prompt; None where a default does."""
        for index, spec in enumerate(self.recipe.stages):
            if spec.kind == kind and (keys := _keys_of(named, spec.options)):
                return self.recipe.where("stages", index, kind, *keys)
        return None


def _keys_of(value: str, block: Strict) -> tuple[str, ...] | None:
    """The keys that lead to `value` in a block of options, as far as the recipe wrote them."""
    for key in sorted(block.model_fields_set):
        held = getattr(block, key)
        if held == value:
            return (key,)
        if isinstance(held, Strict) and (below := _keys_of(value, held)):
            return (key, *below)
    return None


class Asks(Protocol):
    """Works on one row by itself; many at once, in no order.

    One that asks a model also has `expect(row) -> Expected`: what asking about the row takes, and the form in
    which it goes on. Where the `prepare` of a stage asks, its `preparation` says what for.
    """

    name: str

    async def ask(self, row: Row) -> Row:
        """The row as it goes on: changed, dropped or failed. Raises `RequestFailed` to fail it as it came."""
        ...


class Admits(Protocol):
    """Works on one row at a time, in the run's fixed order. Every row waits for those before it, so this is
    only for stages whose outcome depends on earlier rows.
    """

    name: str

    def admit(self, row: Row) -> Row:
        """The row as it goes on: changed or dropped."""
        ...


class Maker(Protocol):
    """Makes rows of its own. `draw` and `admit` are called in order of `index`, `make` for many at once.

    One whose requests give several drafts says how many, at most, with `drafts_each`.

    Between `draw(i)` and what was admitted lies the recipe's window: it may use rows that were
    admitted up to request `i - window`, and no others, however many are there already.
    """

    name: str

    @property
    def count(self) -> int | None:
        """How many drafts are to pass its own filters; None for as many as come of what it draws on."""
        ...

    def draw(self, index: int) -> Any:
        """What request `index` is made from; None where there is nothing left to draw on."""
        ...

    async def make(self, index: int, drawn: Any) -> list[Row]:
        """The rows that request `index` gives, at least one: whole, dropped or failed."""
        ...

    def admit(self, index: int, row: Row) -> Row:
        """The maker's own filters: the row as it is, or dropped."""
        ...

    def expect(self, wanted: int | None, drawn: int) -> Making:
        """What it takes to make `wanted` more drafts (None: all there are), after `drawn` draws."""
        ...


class RowMaker(Maker, Protocol):
    """A maker that draws on the rows that reach it. `parents` says which, and how often on each."""

    parents: Parents


class NotAsked(Exception):
    """A dry run came to a request that the run folder has no reply to; `row` is what came before it."""

    row: Row | None = None


class Unusable(Exception):
    """An answer that does not serve: `reason` is a short fixed code, `detail` the words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


async def ask_until_served(
    model: Model,
    messages: Sequence[FrozenJson],
    sampling: Sampling,
    read: Callable[[Reply], T],
    attempts: int,
    *,
    schema: Json | None = None,
    logprobs: int = 0,
    draw: int = 0,
) -> tuple[T, Answer]:
    """Asks until `read` accepts an answer, at most `attempts` times.

    Each further attempt is a request of its own that can come out differently: its identity differs
    (and with it a sampler's seed), and one that would pick the likeliest token again gets some
    temperature. Raises the last `Unusable`, or `RequestFailed`; `NothingServes` where the stage never got
    an answer that serves.
    """
    unusable = Unusable("no_answer", "the model was not asked")
    for attempt in range(attempts):
        answer = await model.ask(
            messages,
            _loosened(sampling, model, attempt),
            schema=schema,
            logprobs=logprobs,
            draw=draw,
            attempt=attempt,
        )
        try:
            value = read(answer.reply)
        except Unusable as error:
            unusable = error
            model.note_use(answer, f"{error.reason}: {error.detail}")
        else:
            model.note_use(answer)
            return value, answer
    raise unusable


def _loosened(sampling: Sampling, model: Model, attempt: int) -> Sampling:
    if attempt == 0:
        return sampling
    usual = sampling.over(model.config.sampling).temperature
    least = min(0.3 * attempt, 1.0)
    return sampling if usual is None or usual >= least else sampling.model_copy(update={"temperature": least})


async def last_of(steps: AsyncIterator[Row], row: Row) -> tuple[Row, Unusable | RequestFailed | None]:
    """What a row is after the last of its `steps`, each of which asks; and what ended them early, if anything
    did. What the row was by then is not lost.
    """
    try:
        async for step in steps:
            row = step
    except (Unusable, RequestFailed) as error:
        return row, error
    except NotAsked as stop:
        stop.row = row
        raise
    return row, None


async def made_in(steps: AsyncIterator[Row], stage: str, stub: Row) -> list[Row]:
    """The one row of a chain of requests, dropped or failed where one of them gives nothing that serves."""
    row, error = await last_of(steps, stub)
    return [row if error is None else refused(row, stage, error)]


async def settled(stage: str, stub: Row, making: Awaitable[list[Row]]) -> list[Row]:
    """The rows of one request or chain of requests; `stub` alone, dropped or failed, where it gives none."""
    try:
        return await making
    except (Unusable, RequestFailed) as error:
        return [refused(stub, stage, error)]


def words_of(error: Unusable | RequestFailed) -> str:
    """What was wrong, for the row."""
    return error.detail if isinstance(error, Unusable) else error.words


def refused(row: Row, stage: str, error: Unusable | RequestFailed) -> Row:
    """The row, dropped for an answer that does not serve, or failed for a request without one."""
    if isinstance(error, Unusable):
        return row.dropped(stage, error.reason, error.detail)
    return row.failed(stage, error.words)


def attributed(row: Row, *, stage: str, prompt: Prompt | None, answer: Answer) -> Row:
    """The row with the request that made its text."""
    request = answer.request
    lineage = replace(
        row.lineage,
        stage=stage,
        prompt=prompt.label if prompt else None,
        model=answer.reply.model or request.model,
        sampling={**request.sampling, "max_tokens": request.max_tokens},
        request=request.identity,
    )
    return replace(row, lineage=lineage, reasoning=answer.reply.reasoning)


def no_source(stage: str, key: str) -> RecipeError:
    """What a maker says that has nothing to draw on."""
    return RecipeError(
        f"the stage {stage!r} draws on `sources.{key}`, and the recipe has none.", hint=f"Add sources.{key}."
    )
