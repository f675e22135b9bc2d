"""The parts that stages are built from, and the knowledge that they share while they prepare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from synth.errors import RecipeError
from synth.llm.model import Model
from synth.prompts import Prompt, load_prompt
from synth.recipe.base import JUDGING, AskingOptions, Strict
from synth.recipe.model import Recipe, StageSpec
from synth.row import Row
from synth.stages.source_items import KnownFailure, Passage, Seed
from synth.stages.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class JudgeTraits:
    """Whether a model returns the probabilities of score tokens, and whether it thinks first."""

    gives_logprobs: bool
    thinks: bool

    @property
    def reads_logprobs(self) -> bool:
        """Whether its verdicts are read from probabilities. For a model that thinks, a server would send the
        alternatives of every thinking token, too: 1.5 kB each.
        """
        return self.gives_logprobs and not self.thinks


class KnownJudges:
    """The traits of each judge. A model is probed once per run, for all stages."""

    def __init__(self) -> None:
        self._traits: dict[str, JudgeTraits] = {}

    async def traits(self, model: Model, find_out: Callable[[], Awaitable[JudgeTraits]]) -> JudgeTraits:
        """The traits of the model. Calls `find_out` if they are unknown."""
        if model.name not in self._traits:
            self._traits[model.name] = await find_out()
        return self._traits[model.name]

    def found(self, model: Model) -> JudgeTraits | None:
        """The traits of the model, if it was probed."""
        return self._traits.get(model.name)


@dataclass(frozen=True)
class Context:
    """The parts that a stage is built from: the recipe, its models by name, the inputs, and a function for
    warnings.

    `passages(shortest, longest)` cuts the documents into pieces of `shortest` to `longest` characters.
    `requests(file)` reads a further file of requests, and `request_files(file)` are its paths.
    `redacted(text)` has stand-ins for personal data if the recipe redacts.
    `taxonomy` comes from an earlier stage. `kind` is the recipe's name for the kind of stage. `prompts` is
    the folder of its prompts if it comes from another package. `texts` collects the texts of its prompts when
    they are loaded.
    """

    recipe: Recipe
    models: Mapping[str, Model]
    warn: Callable[[str], None]
    seeds: Sequence[Seed] = ()
    passages: Callable[[int, int], Sequence[Passage]] = lambda shortest, longest: ()
    failures: Sequence[KnownFailure] = ()
    requests: Callable[[str], Sequence[Row]] = lambda name: ()
    request_files: Callable[[str], Sequence[Path]] = lambda name: ()
    redacted: Callable[[str], str] = lambda text: text
    judges: KnownJudges = field(default_factory=KnownJudges)
    taxonomy: Taxonomy | None = None
    kind: str = ""
    prompts: Path | None = None
    texts: list[str] = field(default_factory=list)

    def for_stage(self, spec: StageSpec, prompts: Path | None = None) -> Context:
        """The context of one stage, with its own view of each model."""
        models = {name: model.for_stage(spec.name) for name, model in self.models.items()}
        return replace(self, models=models, kind=spec.kind, prompts=prompts, texts=[])

    def writer(self, options: AskingOptions) -> Model:
        """The model that writes for a stage with these options."""
        return self.named(self.recipe.stage_model("writer", options.model), options)

    def named(self, name: str, options: AskingOptions) -> Model:
        """The model with this name, for a stage with these options."""
        return self.models[name].with_usual(options.default_sampling)

    def judge(self, named: str | None) -> Model:
        """The judge: the model `named`, or `judge`, or the writer.

        The sampling parameters of a writer are meant for drafts, so they do not apply when it judges.
        """
        model = self.models[self.recipe.stage_model("judge", named)]
        return model.sampled_as(JUDGING) if model.name == "writer" else model.with_usual(JUDGING)

    def prompt(self, options: AskingOptions, default: str, inputs: Sequence[str]) -> Prompt:
        """The prompt of a stage with these options, checked against the inputs that the stage provides."""
        return self.other_prompt(options.prompt or default, inputs)

    def other_prompt(self, named: str, inputs: Sequence[str], *, of: str | None = None) -> Prompt:
        """A further prompt, which the options cannot replace. `of` names another kind of stage that has
        it.
        """
        kind = of or self.kind
        where, folder = self._place_of(kind, named), self.recipe.folder
        prompt = load_prompt(
            kind, named, folder, frozenset(inputs), where=where, others=None if of else self.prompts
        )
        self.texts.append(prompt.text)
        return prompt

    def where(self, stage: str, *keys: str) -> str:
        """The position of the stage with this name in the recipe, for an error."""
        names = [spec.name for spec in self.recipe.stages]
        index = names.index(stage)
        return self.recipe.where("stages", index, self.recipe.stages[index].kind, *keys)

    def _place_of(self, kind: str, named: str) -> str | None:
        """The position of this prompt in the recipe. None if it is a default."""
        for index, spec in enumerate(self.recipe.stages):
            if spec.kind == kind and (keys := _keys_of(named, spec.options)):
                return self.recipe.where("stages", index, kind, *keys)
        return None


def _keys_of(value: str, block: Strict) -> tuple[str, ...] | None:
    """The keys that lead to `value` in a block of options, as far as the recipe has them."""
    for key in sorted(block.model_fields_set):
        held = getattr(block, key)
        if held == value:
            return (key,)
        if isinstance(held, Strict) and (below := _keys_of(value, held)):
            return (key, *below)
    return None


def no_source(stage: str, key: str) -> RecipeError:
    """The error for a maker without inputs."""
    return RecipeError(
        f"the stage {stage!r} draws on `sources.{key}`, and the recipe has none.", hint=f"Add sources.{key}."
    )
