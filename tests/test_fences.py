"""`synth run` accepts every recipe and every part of one in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from synth.recipe.load import load_recipe
from synth.recipe.source_map import read_yaml

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")])
FENCE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)

# What a part of a recipe is put into. Pages name models of their own.
MODELS = {name: {"provider": "fake"} for name in ("writer", "judge", "other")}
AROUND = {
    "name": "page",
    "models": MODELS,
    "sources": {"seeds": "seeds.jsonl"},
    "stages": [{"generate": {}}],
}
# Keys that stand in a model.
IN_A_MODEL = {"extra_body"}


def fences() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        text = page.read_text()
        for fence in FENCE.finditer(text):
            line = text.count("\n", 0, fence.start()) + 1
            found.append((f"{page.relative_to(ROOT)}:{line}", fence[1]))
    return found


def recipes(text: str, folder: Path) -> list[dict[str, object]]:
    """The recipe, or one for each stage: a list of stages often shows several ways side by side."""
    (folder / "part.yaml").write_text(f"part:\n{text}" if text.lstrip().startswith("- ") else text)
    part = read_yaml(folder / "part.yaml")[0]
    stages = part.get("part") or part.get("stages")
    if isinstance(stages, list) and set(part) <= {"part", "stages"}:
        return [{**AROUND, "stages": [stage]} for stage in stages]
    if set(part) <= IN_A_MODEL:
        endpoint = {"model": "m", "base_url": "http://127.0.0.1:8000/v1"}
        return [{**AROUND, "models": {"writer": endpoint | part}}]
    return [{**AROUND, **part}]


@pytest.mark.parametrize(("place", "text"), fences(), ids=[place for place, _ in fences()])
def test_a_recipe_that_a_page_shows_is_taken(place: str, text: str, tmp_path: Path) -> None:
    for recipe in recipes(text, tmp_path):
        file = tmp_path / "recipe.yaml"
        file.write_text(yaml.safe_dump(recipe, sort_keys=False))
        load_recipe(file)


def test_pages_show_recipes() -> None:
    assert len(fences()) > 20
