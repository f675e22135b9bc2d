"""Every example runs on the embedded model, keeps rows, and exports what it promises."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import synth
from synth.recipe.load import load_recipe

EXAMPLES = Path(__file__).parent.parent / "examples"

# The recipe, its `--limit`, and the rows that it must keep at the least.
RECIPES = {
    "support/paraphrase.yaml": (10, 10),
    "support/topics.yaml": (14, 10),
    "text-to-sql/recipe.yaml": (20, 10),
    "documents/recipe.yaml": (34, 10),
    "failures/recipe.yaml": (14, 10),
    "multi-turn/recipe.yaml": (20, 10),
    "preferences/recipe.yaml": (20, 10),
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_valid_and_says_how_to_run_it(name: str) -> None:
    load_recipe(EXAMPLES / name)
    assert f"synth run examples/{name}" in (EXAMPLES / name).read_text()


@pytest.mark.heavy
@pytest.mark.parametrize("name", RECIPES)
def test_an_example_keeps_rows_on_the_embedded_model(tmp_path: Path, name: str) -> None:
    limit, least = RECIPES[name]
    folder = tmp_path / Path(name).parent
    shutil.copytree(EXAMPLES / Path(name).parent, folder, ignore=shutil.ignore_patterns("runs"))
    run = synth.run(tmp_path / name, tmp_path / "run", limit=limit)
    kept = [row for row in run if row["lineage"]["stage"] or row["lineage"]["origin"] == "prompt"]
    assert len(kept) >= least
    assert all(message["content"].strip() for row in kept for message in row["messages"])
    exported = synth.export(run).folder
    assert (exported / "train.jsonl").read_text().strip()
