"""Turns a YAML file into a checked `Recipe`. Errors name the file, line, key and the nearest known key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from synth.errors import RecipeError
from synth.llm.providers import provider_of
from synth.recipe.files import FileSource, RunSource
from synth.recipe.model import (
    FORMAT_VERSION,
    Recipe,
    StageSpec,
)
from synth.recipe.overrides import apply_overrides
from synth.recipe.source_map import SourceMap, read_yaml
from synth.stages.registry import STAGES
from synth.suggestions import did_you_mean

# Fields of `Recipe` that the command line sets, not the file.
SET_BY_COMMAND = {"folder", "limit"}

# The names of the alternative blocks of one key in pydantic's errors.
_TAGS: dict[str, type[BaseModel]] = {"file": FileSource, "run": RunSource}


def load_recipe(file: Path | str, settings: Iterable[str] = (), limit: int | None = None) -> Recipe:
    """Reads and checks the recipe; `settings` are `key=value` overrides. Raises `InputError`."""
    file = Path(file)
    data, source_map = read_yaml(file)
    apply_overrides(data, settings, source_map)
    _refuse_newer(data, source_map)
    data["stages"] = _stages(data.get("stages"), source_map)
    for not_a_key in SET_BY_COMMAND & data.keys():
        raise RecipeError(f"there is no key {not_a_key!r}.", where=source_map.where((not_a_key,)))
    try:
        recipe = Recipe(**data, folder=file.parent, limit=limit)
    except ValidationError as error:
        raise _explain(error, (), source_map, Recipe, data) from None
    _cross_check(recipe, source_map)
    return recipe.read_from(source_map)


def _refuse_newer(data: dict[str, Any], source_map: SourceMap) -> None:
    version = data.get("version", FORMAT_VERSION)
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise RecipeError(
            f"this recipe has format {version}; this version of synth reads formats up to {FORMAT_VERSION}.",
            where=source_map.where(("version",)),
            hint="Update synth.",
        )


def _stages(items: Any, source_map: SourceMap) -> list[StageSpec]:
    if not isinstance(items, list) or not items:
        raise RecipeError(
            "a recipe needs a list of `stages`.",
            where=source_map.where(("stages",)),
            hint="For example `stages: [{generate: {count: 20}}, {dedupe: {}}]`.",
        )
    stages = [_stage(item, index, source_map) for index, item in enumerate(items)]
    names: set[str] = set()
    for index, stage in enumerate(stages):
        if stage.name in names:
            raise RecipeError(
                f"two stages have the name {stage.name!r}.",
                where=source_map.where(("stages", index)),
                hint=f"Rename one: `- {stage.kind}: {{as: another_name, ...}}`.",
            )
        names.add(stage.name)
    return stages


def _stage(item: Any, index: int, source_map: SourceMap) -> StageSpec:
    path: tuple[str | int, ...] = ("stages", index)
    if isinstance(item, str):
        item = {item: {}}
    if not isinstance(item, dict) or len(item) != 1:
        raise RecipeError(
            "each stage must be one name with its options.",
            where=source_map.where(path),
            hint="For example `- dedupe: {}`.",
        )
    kind, options = next(iter(item.items()))
    try:
        model = STAGES.find(str(kind)).options
    except KeyError:
        raise RecipeError(
            f"there is no stage {kind!r}.{did_you_mean(str(kind), STAGES.names)}",
            where=source_map.where((*path, kind)),
            hint=f"Stages: {', '.join(STAGES.names)}.",
        ) from None
    except ValueError as error:
        raise RecipeError(f"{error}.", where=source_map.where((*path, kind))) from None
    try:
        checked = model.model_validate(options if options is not None else {})
    except ValidationError as error:
        raise _explain(error, (*path, kind), source_map, model, options) from None
    return StageSpec(kind=kind, name=checked.as_ or kind, options=checked)


def _cross_check(recipe: Recipe, source_map: SourceMap) -> None:
    if "writer" not in recipe.models:
        raise RecipeError("a recipe needs `models.writer`.", where=source_map.where(("models",)))
    for index, stage in enumerate(recipe.stages):
        if stage.options.redacts and index > 0:
            raise RecipeError(
                f"`{stage.kind}` must be the first stage:"
                " earlier stages would put personal data into prompts.",
                where=source_map.where(("stages", index)),
            )
        for key in ("model", "judge", "user", "models"):
            named = getattr(stage.options, key, None)
            for model in [named] if isinstance(named, str) else named or ():
                if model not in recipe.models:
                    raise RecipeError(
                        f"there is no model {model!r}.{did_you_mean(model, recipe.models)}",
                        where=source_map.where(("stages", index, stage.kind, key)),
                        hint=f"Models: {', '.join(recipe.models)}.",
                    )
    _check_from(recipe, source_map)
    if recipe.budget.usd is not None:
        for name, model in recipe.models.items():
            if model.price is None and model.billed:
                raise RecipeError(
                    f"a budget in USD needs the price of {name!r}.",
                    where=source_map.where(("budget", "usd")),
                    hint=f"Set models.{name}.price: {{prompt: ..., completion: ...}} (USD per million).",
                )


def _check_from(recipe: Recipe, source_map: SourceMap) -> None:
    """Checks that `from` names only sources of rows and earlier stages."""
    known = ["seeds", "prompts"]
    for index, stage in enumerate(recipe.stages):
        for name in getattr(stage.options, "from_", None) or ():
            if name not in known:
                raise RecipeError(
                    f"from: {name!r} is neither a source nor an earlier stage.{did_you_mean(name, known)}",
                    where=source_map.where(("stages", index, stage.kind, "from")),
                    hint=f"One of: {', '.join(known)}.",
                )
        known.append(stage.name)


def _explain(
    error: ValidationError,
    base: tuple[str | int, ...],
    source_map: SourceMap,
    model: type[BaseModel],
    data: Any,
) -> RecipeError:
    """An error for the first mistake; it counts the others."""
    mistakes = error.errors(include_url=False)
    first = mistakes[0]
    path = _path_in(data, first["loc"])
    if model is Recipe and path[:1] == ("models",) and len(path) > 2:
        # Each provider has its own keys.
        model, first["loc"] = provider_of(data["models"][path[1]]).config, first["loc"][2:]
    more = f" ({len(mistakes) - 1} more mistakes in this file.)" if len(mistakes) > 1 else ""
    return RecipeError(_words(first, path, model) + more, where=source_map.where(base + path))


def _path_in(data: Any, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The path to a mistake, without the tags of alternatives that pydantic adds."""
    path: tuple[str | int, ...] = ()
    here: Any = data
    for number, step in enumerate(loc, start=1):
        known = step in here if isinstance(here, dict) else isinstance(here, list) and isinstance(step, int)
        if known:
            here = here[step]
        elif not isinstance(here, dict) or number < len(loc):
            continue
        path = (*path, step)
    return path


def _words(mistake: ErrorDetails, path: tuple[str | int, ...], model: type[BaseModel]) -> str:
    key = str(path[-1]) if path else ""
    kind = mistake["type"]
    if kind == "extra_forbidden":
        return f"there is no key {key!r} here.{did_you_mean(key, _known_keys(model, mistake['loc']))}"
    if kind == "missing":
        return f"the key {key!r} is missing."
    if kind == "value_error":
        return f"{mistake['msg'].removeprefix('Value error, ').rstrip('.')}."
    shown = repr(mistake["input"])
    shown = shown if len(shown) < 80 else shown[:77] + "..."
    if kind in ("model_type", "model_attributes_type"):
        keys = _known_keys(model, (*mistake["loc"], ""))
        value = shown if isinstance(mistake["input"], int | float | str) else "..."
        return f"it takes keys, for example {key}: {{{keys[0]}: {value}}}, not just {shown}."
    words = mistake["msg"].rstrip(".")
    return f"{words[0].lower()}{words[1:]}, not {shown}."


def _known_keys(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """The known keys of the block with the unknown key."""
    block: type[BaseModel] = model
    for step in loc[:-1]:
        if step in _TAGS:
            block = _TAGS[str(step)]
            continue
        field = block.model_fields.get(str(step))
        below = _block_of(field.annotation) if field else None
        if below is not None:
            block = below
    return [f.alias or name for name, f in block.model_fields.items() if name not in SET_BY_COMMAND]


def _block_of(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
