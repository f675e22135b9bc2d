"""What stages are built from, and what they share while they are prepared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from synth.errors import RecipeError
from synth.llm.model import Model
from synth.prompts import Prompt, load_prompt
from synth.recipe.base import AskingOptions, Strict
from synth.recipe.model import Recipe, StageSpec
from synth.stages.source_items import KnownFailure, Passage, Seed
from synth.stages.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class JudgeTraits:
    """Whether the tokens of a model's scores come with probabilities, and whether it thinks first."""

    gives_logprobs: bool
    thinks: bool


class KnownJudges:
    """What was found out about each model that judges. A model is probed once in a run, for all stages."""

    def __init__(self) -> None:
        self._traits: dict[str, JudgeTraits] = {}

    async def traits(self, model: Model, find_out: Callable[[], Awaitable[JudgeTraits]]) -> JudgeTraits:
        """The traits of the model; `find_out` asks it where nobody has yet."""
        if model.name not in self._traits:
            self._traits[model.name] = await find_out()
        return self._traits[model.name]


@dataclass(frozen=True)
class Context:
    """What a stage is built from: the recipe, its models by name, what was given, a place for warnings.

    `passages` cuts the documents into pieces of at least and at most so many characters. `taxonomy` is what
    a stage before this one gives. `kind` is the recipe's word for the stage, and `prompts` the folder of its
    prompts if it comes from another package. `texts` are those of its prompts, as it loads them.
    """

    recipe: Recipe
    models: Mapping[str, Model]
    warn: Callable[[str], None]
    seeds: Sequence[Seed] = ()
    passages: Callable[[int, int], Sequence[Passage]] = lambda shortest, longest: ()
    failures: Sequence[KnownFailure] = ()
    judges: KnownJudges = field(default_factory=KnownJudges)
    taxonomy: Taxonomy | None = None
    kind: str = ""
    prompts: Path | None = None
    texts: list[str] = field(default_factory=list)

    def for_stage(self, spec: StageSpec, prompts: Path | None = None) -> Context:
        """The context of one stage, with its own view of each model."""
        models = {name: model.for_stage(spec.name) for name, model in self.models.items()}
        return replace(self, models=models, kind=spec.kind, prompts=prompts, texts=[])

    def model(self, usual: str, options: AskingOptions) -> Model:
        """The model that a stage with these options uses."""
        return self.models[self.recipe.stage_model(usual, options.model)]

    def prompt(self, options: AskingOptions, default: str, inputs: Sequence[str]) -> Prompt:
        """The prompt that a stage with these options uses, checked against what the stage gives."""
        return self.other_prompt(options.prompt or default, inputs)

    def other_prompt(self, named: str, inputs: Sequence[str], *, of: str | None = None) -> Prompt:
        """One more prompt, which the options do not replace; `of` names another kind of stage that has it."""
        kind = of or self.kind
        where, folder = self._place_of(kind, named), self.recipe.folder
        prompt = load_prompt(
            kind, named, folder, frozenset(inputs), where=where, others=None if of else self.prompts
        )
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


def no_source(stage: str, key: str) -> RecipeError:
    """What a maker says that has nothing to draw on."""
    return RecipeError(
        f"the stage {stage!r} draws on `sources.{key}`, and the recipe has none.", hint=f"Add sources.{key}."
    )
