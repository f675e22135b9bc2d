"""Provides a taxonomy of topics, whose leaves later makers fill evenly.

The taxonomy is given, or derived from the seeds in small batches (TnT-LLM, https://arxiv.org/abs/2403.12173).
Each batch names the topics of its seeds and missing related topics. A seed's hash selects its batch, so a new
seed changes only one request. Filling the leaves one by one, instead of sampling what a model thinks of
first, comes from LAB (https://arxiv.org/abs/2403.01081).
"""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from synth.errors import PromptError, RecipeError, SourceError, Unfinished
from synth.llm.base import Json, RequestFailed
from synth.prompts import Prompt
from synth.row import Row
from synth.small_files import read_small
from synth.stages.asking import Unusable, ask_until_served
from synth.stages.base import Stage
from synth.stages.context import Context, no_source
from synth.stages.registry import STAGES
from synth.stages.structured_output import reads_object
from synth.stages.taxonomy import Taxonomy, join_taxonomies, read_taxonomy
from synth.stages.topics.batches import batches, shown
from synth.stages.topics.options import TopicsOptions
from synth.stages.topics.weights import TopicCounter
from synth.yaml_data import YamlFault, load_yaml


class Topics(Stage):
    """Sends its requests before the first row. Rows pass unchanged."""

    version = 2
    preparation = "the topics of some requests"

    def __init__(self, name: str, options: TopicsOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._options = options
        self._warn = context.warn
        self._model = context.writer(options)
        self._prompt = context.prompt(options, "taxonomy", ["requests", "topics", "subtopics"])
        self._schema = _bounded(self._prompt, options)
        self.taxonomy: Taxonomy = Taxonomy()
        self._batches: list[list[Row]] = []
        self._counts: Counter[str | None] = Counter()
        stages = context.recipe.stages
        behind = stages[[stage.name for stage in stages].index(name) + 1 :]
        if not any(stage.options.fills_topics for stage in behind):
            makers = [kind for kind in STAGES.names if STAGES.find(kind).options.fills_topics]
            raise RecipeError(
                f"no stage behind {name!r} fills its topics.",
                where=f"stage {name!r}",
                hint=f"Put it before {' or '.join(makers)}.",
            )
        if isinstance(options.taxonomy, str):
            self.files = (context.recipe.folder / options.taxonomy,)
            self.taxonomy.leaves = _read(self.files[0])
        elif options.taxonomy is not None:
            self.taxonomy.leaves = read_taxonomy(options.taxonomy)
        elif context.seeds:
            self._batches = batches(
                [seed.row for seed in context.seeds], options.batch_size, f"{context.recipe.seed}:{name}"
            )
        else:
            raise no_source(name, "seeds")
        self._counter = self._prepared_counter(context) if options.weights else None

    def _prepared_counter(self, context: Context) -> TopicCounter:
        """Raises `RecipeError` or `SourceError` if there are no requests to count."""
        name, options = self.name, self._options
        if options.weights != "seeds":
            assert options.weights is not None
            self.files = (*self.files, *context.request_files(options.weights))
            requests = context.requests(options.weights)
        elif context.seeds:
            requests = [seed.row for seed in context.seeds]
        else:
            raise no_source(name, "seeds")
        return TopicCounter(name, options, context, requests)

    async def prepare(self) -> None:
        """Derives the taxonomy from the seeds, if it is not given, and the weights of its leaves.

        Raises `Unfinished` if there is no topic.
        """
        if self._batches:
            await self._name_topics()
        if self._counter is not None:
            self._counts = await self._counter.count(self.taxonomy.leaves)
            # One more, so that a topic without a request gets some drafts, too.
            self.taxonomy.weights = {leaf: self._counts[leaf] + 1 for leaf in self.taxonomy.leaves}

    async def _name_topics(self) -> None:
        replies = await asyncio.gather(*(self._named(batch) for batch in self._batches))
        found = [reply for reply in replies if isinstance(reply, list)]
        problems = [reply for reply in replies if isinstance(reply, str)]
        leaves = join_taxonomies(found, self._options.topics, self._options.subtopics)
        if not leaves:
            why = problems[0] if problems else "its lists are empty"
            raise Unfinished(
                f"{self._model.model} names no topic of the seeds: {why}.",
                where=f"stage {self.name!r}",
                hint="Name another model, or write the topics yourself: `topics: {taxonomy: [...]}`.",
            )
        if problems:
            count = f"{len(problems)} of {len(replies)}"
            self._warn(f"{self.name}: {count} replies name no topics, such as: {problems[0]}")
        self.taxonomy.leaves = leaves

    async def _named(self, batch: Sequence[Row]) -> list[Json] | str:
        """The model's topics for these seeds, or the problem with its reply."""
        values = {
            "requests": [shown(row) for row in batch],
            "topics": self._options.topics,
            "subtopics": self._options.subtopics,
        }
        try:
            found, _ = await ask_until_served(
                self._model,
                self._prompt.render(values),
                self._options.sampling,
                reads_object(self._prompt.schema),
                self._options.attempts,
                schema=self._schema,
            )
        except Unusable as unusable:
            return unusable.detail
        except RequestFailed as failure:
            return failure.words
        return list(found["topics"])

    def report(self) -> Json:
        """The leaves, so that the run's reports include topics without rows, and the counted requests."""
        leaves = self.taxonomy.leaves
        if self._counter is None:
            return {"leaves": leaves}
        counted = {leaf: self._counts[leaf] for leaf in leaves}
        return {"leaves": leaves, "requests": counted, "requests_without": self._counts[None]}


def _bounded(prompt: Prompt, options: TopicsOptions) -> Json:
    """The prompt's schema with maximum lengths of its lists, because small models may never end a list.

    Raises `PromptError` if the prompt does not ask for topics.
    """
    schema = copy.deepcopy(prompt.schema or {})
    try:
        topics = schema["properties"]["topics"]
        below = topics["items"]["properties"]["subtopics"]
        asked = topics["items"]["properties"]["topic"]["type"], below["items"]["type"]
        needed = {*topics["items"]["required"], *schema["required"]}
    except (KeyError, TypeError):
        asked, needed = ("", ""), set()
    if asked != ("string", "string") or not needed >= {"topics", "topic", "subtopics"}:
        raise PromptError(
            "needs an `output` with `topics`: a list of objects with a `topic` and a list of `subtopics`.",
            where=prompt.name,
            hint="prompts/topics/taxonomy.md shows it.",
        )
    topics["maxItems"], below["maxItems"] = options.topics, options.subtopics
    return schema


def _read(file: Path) -> list[str]:
    """The leaves in a YAML or JSON file. Raises `SourceError`."""
    hint = "Write a list of names, or names with lists below them, as YAML or JSON."
    try:
        return read_taxonomy(load_yaml(read_small(file, SourceError)))
    except OSError as error:
        raise SourceError(f"cannot be read: {error}.", where=str(file), hint=hint) from None
    except YamlFault as fault:
        where = f"{file}:{fault.line}" if fault.line else str(file)
        words = f"is neither YAML nor JSON: {fault.words}" if fault.syntax else fault.words
        raise SourceError(f"{words}.", where=where, hint=hint) from None
    except ValueError as error:
        raise SourceError(f"is no taxonomy: {error}.", where=str(file), hint=hint) from None
