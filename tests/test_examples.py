"""Every example runs on the embedded model, keeps rows, and exports what it promises."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import synth
from synth.recipe.load import load_recipe

EXAMPLES = Path(__file__).parent.parent / "examples"

# The recipe, its `--limit`, and the rows that it must keep at the least.
RECIPES = {
    "support/recipe.yaml": (8, 5),
    "support/paraphrase.yaml": (5, 5),
    "support/topics.yaml": (7, 5),
    "text-to-sql/recipe.yaml": (30, 25),
    "documents/recipe.yaml": (17, 5),
    # Of 14 questions; the embedded model seldom quotes word for word.
    "documents/grounded.yaml": (60, 2),
    "failures/recipe.yaml": (8, 5),
    "evolve/recipe.yaml": (11, 5),
    "apply/recipe.yaml": (10, 5),
    "multi-turn/recipe.yaml": (10, 5),
    "preferences/recipe.yaml": (10, 5),
}


# What runs only with a server of one's own: an address and a model are still to be filled in.
TEMPLATES = {"support/endpoint.yaml"}

# Rows of people's own, and no drafts: tests/finetune runs and exports these.
WITHOUT_DRAFTS = {"finetune/recipe.yaml", "finetune/pairs.yaml"}


def test_every_recipe_of_the_examples_is_tried() -> None:
    found = {file.relative_to(EXAMPLES).as_posix() for file in EXAMPLES.glob("*/*.yaml")}
    assert found == RECIPES.keys() | TEMPLATES | WITHOUT_DRAFTS


@pytest.mark.parametrize("folder", sorted(path.name for path in EXAMPLES.iterdir()))
def test_a_folder_says_what_it_is_for_and_how_each_recipe_is_run(folder: str) -> None:
    readme = (EXAMPLES / folder / "README.md").read_text()
    passing = {"README.md", "runs", "__pycache__"}
    for file in (EXAMPLES / folder).glob("*"):
        assert file.name in passing or f"`{file.name}" in readme, f"{file.name} is not spoken of"
    for name in RECIPES:
        if name.startswith(f"{folder}/"):
            assert f"synth run examples/{name}" in readme


@pytest.mark.parametrize("name", [*RECIPES, *sorted(WITHOUT_DRAFTS)])
def test_a_recipe_is_valid_and_says_how_to_run_it(name: str) -> None:
    load_recipe(EXAMPLES / name)
    assert f"synth run examples/{name}" in (EXAMPLES / name).read_text()


@pytest.mark.heavy
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", RECIPES)
def test_an_example_keeps_rows_on_the_embedded_model(
    tmp_path: Path, name: str, record_property: Callable[[str, object], None]
) -> None:
    limit, least = RECIPES[name]
    folder = tmp_path / Path(name).parent
    shutil.copytree(EXAMPLES / Path(name).parent, folder, ignore=shutil.ignore_patterns("runs"))
    command = [sys.executable, "-m", "synth", "run", tmp_path / name, "--out", tmp_path / "run"]
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*command, "--limit", str(limit), "--json"], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Printed by tests/conftest.py at the end, and not asserted: a busy machine is no defect of an example.
    record_property("example", f"{name} --limit {limit}")
    record_property("seconds", time.monotonic() - start)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    record_property("processor_seconds", used)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["failed"] == 0
    run = synth.open(tmp_path / "run")
    kept = [row for row in run if row["lineage"]["stage"] or row["lineage"]["origin"] == "prompt"]
    assert len(kept) >= least
    assert all(message["content"].strip() for row in kept for message in row["messages"])
    exported = synth.export(run).folder
    assert (exported / "train.jsonl").read_text().strip()
