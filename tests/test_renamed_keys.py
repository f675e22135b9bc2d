"""Keys that were renamed: what a run folder has under the old name is read under the new one."""

from __future__ import annotations

from pathlib import Path

import orjson
import yaml

from synth.recipe.load import load_recipe
from synth.recipe.renamed_keys import with_new_keys, with_old_keys
from synth.stages.registry import STAGES

RENAMED = {
    "shortest": "min_chars", "longest": "max_chars", "sampling_of_judge": "judge_sampling",
    "machine_shots": "shots_from_drafts", "again": "regenerate", "together": "listwise", "read": "score_from",
    "alike": "min_similarity", "shown": "batch_size", "unfit": "on_unsupported", "patience": "give_up_after",
}  # fmt: skip


def dumped(folder: Path) -> dict[str, object]:
    """The effective recipe of a recipe with every stage, as a run folder holds it."""
    stages: list[object] = [
        {kind: {}} for kind in STAGES.built_in if kind not in ("apply", "check", "redact")
    ]
    stages.append({"respond": {"as": "grounded", "grounded": {"min_chars": 100}}})
    # Keys of the user's own are no keys of a recipe, whatever they are called.
    stages.append({"apply": {"function": "mine.py:f", "options": {"again": 1, "shortest": 2}}})
    writer = {"model": "m", "base_url": "http://127.0.0.1:1/v1", "extra_body": {"patience": 3, "read": 4}}
    recipe = {"name": "r", "models": {"writer": writer}, "sources": {"seeds": "s.jsonl"}, "stages": stages}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    loaded = load_recipe(folder / "recipe.yaml")
    content: dict[str, object] = orjson.loads(loaded.model_dump_json(by_alias=True))
    return content


def keys(value: object) -> set[str]:
    """All keys of blocks, without those of the user's own."""
    if isinstance(value, dict):
        inside = (keys(each) for key, each in value.items() if key != "extra_body")
        return set(value).union(*inside)
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def test_the_old_names_come_back_as_the_new_ones(tmp_path: Path) -> None:
    recipe = dumped(tmp_path)
    old = with_old_keys(recipe)
    assert with_new_keys(old) == recipe == with_new_keys(recipe)
    assert list(old) == list(recipe), "the order is part of a digest"
    apply = next(stage for stage in old["stages"] if stage["kind"] == "apply")
    assert apply["options"]["options"] == {"again": 1, "shortest": 2}
    assert old["models"]["writer"]["extra_body"] == {"patience": 3, "read": 4}
    old["stages"].remove(apply)
    for before, now in RENAMED.items():
        assert now in keys(recipe), now
        assert before in keys(old), before
        assert now not in keys(old), now
