"""`apply`: valid and invalid results of the user's function, which only `run` executes."""

from __future__ import annotations

from pathlib import Path

import pytest
from desks import desk, reasons, rows, run, said, seeds

import synth
from synth.api import run_to_end
from synth.errors import RecipeError
from synth.pipeline.dry_run import dry_run

SEEDS = {"seeds": "seeds.jsonl"}


def recipe_with(folder: Path, code: str, *, options: object = None, **keys: object) -> Path:
    (folder / "mine.py").write_text(code)
    seeds(folder)
    stage = {"apply": {"function": "mine.py:mine", "options": options or {}}}
    return desk(folder, [{"generate": {"count": 12}}, stage, {"dedupe": {}}], [], sources=SEEDS, **keys)


def test_it_changes_and_drops_rows(tmp_path: Path) -> None:
    code = (
        "def mine(row, suffix):\n"
        "    if 'a' == row['id'][0]:\n        return 'begins with a'\n"
        "    if row['origin'] == 'seed' and not row['messages'][-1]['content'].endswith(suffix):\n"
        "        row['messages'][-1]['content'] += suffix\n        row['labels']['mine'] = True\n"
        "        return row\n"
    )
    recipe = recipe_with(tmp_path, code, options={"suffix": " Good luck!"})
    assert run(recipe).error is None
    kept = list(synth.open(recipe))
    assert all(said(row)[-1].endswith(" Good luck!") and row["labels"] == {"mine": True} for row in kept)
    assert all(row["detail"] == "begins with a" for row in rows(recipe, status="dropped"))
    assert sum(not row["lineage"]["stage"] for row in kept) == 6


def test_a_target_is_met_exactly_with_it_in_the_middle(tmp_path: Path) -> None:
    code = "def mine(row):\n    return row['id'][0] in '01234567'\n"
    recipe = recipe_with(tmp_path, code, target=17)
    results = [
        run(recipe, f"models.writer.delay={delay}", out=tmp_path / str(n)).summary
        for n, delay in enumerate((0, 0.004))
    ]
    assert [result["accepted"] for result in results] == [17, 17]
    assert results[0]["dropped"] == results[1]["dropped"]
    assert results[0]["dropped"]["apply: rejected"] > 0
    exports = [synth.export(tmp_path / n, format="trl-sft").folder for n in ("0", "1")]
    for name in ("train.jsonl", "test.jsonl"):
        assert (exports[0] / name).read_bytes() == (exports[1] / name).read_bytes()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_target_between_makers_and_filters_does_not_depend_on_the_order(tmp_path: Path, seed: int) -> None:
    """Two makers before it, one of which draws on rows; behind it, dedupe and a judge."""
    code = (
        "def mine(row):\n"
        "    if row['id'][0] in '0123' and row['origin'] != 'holdout':\n        return 'not this one'\n"
        "    row['messages'][-1]['content'] += ' Thank you.'\n    return row\n"
    )
    (tmp_path / "mine.py").write_text(code)
    seeds(tmp_path)
    stages = [
        {"generate": {"count": 10}},
        {"evolve": {"count": 5, "ask_judge": False}},
        {"apply": {"function": "mine.py:mine"}},
        {"dedupe": {}},
        {"score": {"keep": ">= 2"}},
    ]
    recipe = desk(tmp_path, stages, [], [], sources=SEEDS, target=23, window=8, seed=seed)
    receipts = []
    for n, delay in enumerate((0, 0.003, 0.012)):
        delays = [f"models.{name}.delay={delay}" for name in ("writer", "judge")]
        result = run(recipe, *delays, out=tmp_path / str(n))
        assert result.error is None
        assert result.summary["accepted"] == 23
        assert result.summary["dropped"]["apply: rejected"] > 0
        kept = [row for row in synth.open(tmp_path / str(n)) if row["lineage"]["stage"]]
        assert len(kept) == 23
        assert all(said(row)[-1].endswith(" Thank you.") for row in kept)
        receipts.append((synth.export(tmp_path / str(n)).folder / "receipts.jsonl").read_bytes())
    assert receipts[0] == receipts[1] == receipts[2]


def test_only_a_run_runs_it(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\nPath(__file__).with_name('ran').touch()\ndef mine(row):\n    return None\n"
    )
    recipe = recipe_with(tmp_path, code)
    run_to_end(dry_run(recipe, [], None))
    assert not (tmp_path / "ran").exists()
    run(recipe)
    (tmp_path / "ran").unlink()
    synth.export(recipe, format="trl-sft")
    list(synth.open(recipe))
    assert not (tmp_path / "ran").exists()


def test_another_function_is_an_edit(tmp_path: Path) -> None:
    recipe = recipe_with(tmp_path, "def mine(row):\n    return None\n")
    assert run(recipe).summary["accepted"] == 12
    (tmp_path / "mine.py").write_text("def mine(row):\n    return False\n")
    again = run(recipe).summary
    assert again["accepted"] == 0
    assert again["requests"] == 0
    assert reasons(recipe) == {"rejected": 12}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def mine(row):\n    return 7\n", "answered int"),
        ("def mine(row):\n    x = 1\n    return row['no']\n", "failed in line 3 with KeyError"),
        ("def mine(row):\n    return {'text': 'x'}\n", "'text', which rows do not have"),
        ("def mine(row):\n    return {'messages': 'x'}\n", "no list of messages"),
        (
            "def mine(row):\n    return {'messages': [{'role': 'user', 'content': 5}]}\n",
            "no list of messages",
        ),
        ("def mine(row):\n    return {'messages': []}\n", "hold no user's message"),
        ("def mine(row):\n    return {'scores': 3}\n", "`scores` are no dictionary"),
        ("def mine(row):\n    return {'labels': {'x': {1}}}\n", "cannot be written down as JSON"),
        ("def other(row):\n    return None\n", "has no function mine()"),
        ("def mine(row:\n", "could not be loaded: SyntaxError"),
    ],
)
def test_what_is_wrong_with_it_is_said(tmp_path: Path, code: str, words: str) -> None:
    recipe = recipe_with(tmp_path, code)
    try:
        result = run(recipe)
        error = result.error
    except RecipeError as early:
        error = early
    assert isinstance(error, RecipeError)
    assert words in error.message
    assert error.exit_code == 2
