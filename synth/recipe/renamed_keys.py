"""Recipe keys that had other names at first. Run folders of that time hold recipes with the old names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from synth.llm.base import Json

# Old and new names of the keys of a stage, by its kind.
_CHARS = {"shortest": "min_chars", "longest": "max_chars"}
_JUDGE = {"sampling_of_judge": "judge_sampling"}
_STAGES: Mapping[str, Mapping[str, str]] = {
    "backtranslate": {**_CHARS, **_JUDGE},
    "evolve": _JUDGE,
    "generate": {"machine_shots": "shots_from_drafts"},
    "paraphrase": _JUDGE,
    "respond": {"again": "regenerate"},
    "score": {"together": "listwise", "read": "score_from"},
    "target_failures": {"alike": "min_similarity"},
    "topics": {"shown": "batch_size"},
}
_EXPORT = {"unfit": "on_unsupported"}
_ENDPOINT = {"patience": "give_up_after"}


def with_new_keys(recipe: Json) -> Json:
    """The recipe of a run folder, with the names that its keys have now."""
    return _renamed(recipe, lambda names: names)


def with_old_keys(recipe: Json) -> Json:
    """The recipe with the names that its keys had at first.

    Digests of a recipe are taken over this, so that a new name does not make a finished run unfinished.
    """
    return _renamed(recipe, lambda names: {new: old for old, new in names.items()})


def _renamed(recipe: Json, direction: Callable[[Mapping[str, str]], Mapping[str, str]]) -> Json:
    def block(content: Json, names: Mapping[str, str]) -> Json:
        turned = direction(names)
        return {turned.get(key, key): value for key, value in content.items()}

    def stage(content: Json) -> Json:
        options = block(content["options"], _STAGES.get(content["kind"], {}))
        if content["kind"] == "respond" and options.get("grounded"):
            options["grounded"] = block(options["grounded"], _CHARS)
        return {**content, "options": options}

    renamed = dict(recipe)
    if "stages" in recipe:
        renamed["stages"] = [stage(content) for content in recipe["stages"]]
    if "export" in recipe:
        renamed["export"] = block(recipe["export"], _EXPORT)
    if "models" in recipe:
        renamed["models"] = {
            name: block(model, _ENDPOINT) if model.get("provider") == "endpoint" else model
            for name, model in recipe["models"].items()
        }
    return renamed
