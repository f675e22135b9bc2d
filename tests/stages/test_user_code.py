"""One rule for all users' code: the recipe names a file in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from desks import desk, run, seeds

from synth.errors import RecipeError
from synth.user_code import load_function

CODE = "def mine(row):\n    return None\n"
STAGES = ("apply", "check")


def recipe_with(folder: Path, stage: str, function: str) -> Path:
    seeds(folder)
    stages = [{"generate": {"count": 3}}, {stage: {"function": function}}]
    return desk(folder, stages, [], sources={"seeds": "seeds.jsonl"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe's folder with code in it, below it and, where it does not belong, above it."""
    inside = tmp_path / "recipes"
    (inside / "lib").mkdir(parents=True)
    for file in (tmp_path / "mine.py", inside / "mine.py", inside / "lib" / "mine.py"):
        file.write_text(CODE)
    (inside / "linked.py").symlink_to(tmp_path / "mine.py")
    return inside


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("function", ["mine.py:mine", "lib/mine.py:mine", "lib/../mine.py:mine"])
def test_a_file_in_the_recipes_folder_runs(folder: Path, stage: str, function: str) -> None:
    assert run(recipe_with(folder, stage, function)).summary["accepted"] == 3


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("../mine.py:mine", "is outside the recipe's folder"),
        ("linked.py:mine", "is outside the recipe's folder"),
        ("/etc/passwd.py:mine", "is outside the recipe's folder"),
        ("gone.py:mine", "no such file"),
        ("lib.py:mine", "no such file"),
        ("mine.py", "names no function"),
        ("mine.py:", "names no function"),
        ("mine.txt:mine", "names no function"),
        ("mine.py:other", "has no function other()"),
    ],
)
def test_any_other_is_refused_in_words(folder: Path, stage: str, function: str, words: str) -> None:
    with pytest.raises(RecipeError) as error:
        run(recipe_with(folder, stage, function))
    assert words in error.value.message
    assert error.value.where is not None


def test_an_absolute_path_is_refused_even_where_it_leads_inside(folder: Path) -> None:
    with pytest.raises(RecipeError, match="is outside the recipe's folder"):
        load_function(f"{folder / 'mine.py'}:mine", folder, "apply.function")


@pytest.mark.parametrize("stage", STAGES)
def test_changed_code_is_an_edit(folder: Path, stage: str) -> None:
    recipe = recipe_with(folder, stage, "mine.py:mine")
    assert run(recipe).summary["accepted"] == 3
    (folder / "mine.py").write_text("def mine(row):\n    return False\n")
    again = run(recipe).summary
    assert (again["accepted"], again["requests"]) == (0, 0)
