"""Stages are found by their name: our own, and those of other installed packages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import synth
from synth.api import run_with_result
from synth.cli import main
from synth.errors import RecipeError
from synth.recipe.json_schema import recipe_schema
from synth.recipe.load import load_recipe
from synth.stages.registry import STAGES
from tests.stages.desks import desk, rows, run, seeds

ROOT = Path(__file__).parent.parent.parent

# A package of somebody else's, as `pip install` leaves it.
PACKAGE = {
    "polite_stage/__init__.py": """
from pathlib import Path

from polite_stage.options import PoliteOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(PoliteOptions, "polite_stage.stage:Polite", prompts=Path(__file__).parent / "prompts")
""",
    "polite_stage/options.py": """
from pydantic import Field

from synth.recipe.base import AskingOptions


class PoliteOptions(AskingOptions):
    thanks: str = Field(default="Thank you.", description="The last words of each answer.")
""",
    "polite_stage/stage.py": """
from synth.stages.asking import Unusable, ask_until_served, last_of, refused
from synth.stages.base import RowStage
from synth.stages.forecast import Forecast, Requests
from synth.stages.structured_output import read_text


class Polite(RowStage):
    def __init__(self, name, options, context):
        super().__init__(name, options, context)
        self._options = options
        self._model = context.writer(options)
        self._prompt = context.prompt(options, "politer", ["answer"])
        self._done = 0

    async def apply(self, row):
        row, error = await last_of(self._steps(row), row)
        self._done += error is None
        return row if error is None else refused(row, self.name, error)

    async def _steps(self, row):
        messages = self._prompt.render({"answer": row.conversation.answer})
        text, answer = await ask_until_served(
            self._model, messages, self._options.sampling, read_text, self._options.attempts
        )
        row = row.with_reply(f"{text} {self._options.thanks}")
        yield row.with_event(self.name, "politer", request=answer.request.identity)

    def forecast(self, row):
        return Forecast(Requests.exactly(1) if row.conversation.answer else Requests(), row)

    def report(self):
        return {"done": self._done}
""",
    "polite_stage/prompts/politer.md": """---
name: politer
version: 1
inputs: [answer]
source: Made up for a test.
---
Say this politely: {{ answer }}
""",
    "polite_stage-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: polite-stage\nVersion: 1.0\n",
    "polite_stage-1.0.dist-info/entry_points.txt": "[synth.stages]\npolite = polite_stage:STAGE\n",
}


@pytest.fixture
def polite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the package installed in this environment."""
    site = tmp_path / "site"
    for name, content in PACKAGE.items():
        file = site / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    monkeypatch.syspath_prepend(str(site))
    for module in [name for name in sys.modules if name.startswith("polite_stage")]:
        monkeypatch.delitem(sys.modules, module)


def recipe_with(folder: Path, stage: object) -> Path:
    seeds(folder, 4)
    script = [{"match": "Say this politely", "text": "With pleasure: wipe it."}]
    return desk(folder, [stage], script, sources={"seeds": "seeds.jsonl"})


@pytest.mark.usefixtures("polite")
def test_a_stage_of_another_package_runs_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = recipe_with(tmp_path, {"polite": {"thanks": "Thanks!"}})
    with pytest.raises(SystemExit):
        main(["run", str(recipe), "--dry-run"])
    assert "polite  4 requests" in capsys.readouterr().err
    result = run(recipe)
    assert result.error is None
    assert result.summary["requests"] == 4
    assert result.summary["stages"]["polite"] == {"done": 4}
    kept = list(synth.open(recipe).rows())
    assert {row["messages"][-1]["content"] for row in kept} == {"With pleasure: wipe it. Thanks!"}
    assert {event["stage"] for row in kept for event in row["history"]} == {"polite"}
    assert not rows(recipe)


@pytest.mark.usefixtures("polite")
def test_a_forecast_of_an_answer_to_come_has_a_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "How do I clean it?"}\n{"prompt": "And dry it?"}\n')
    script = [{"text": "Wipe it."}]
    recipe = desk(tmp_path, ["respond", "polite"], script, sources={"prompts": "prompts.jsonl"})
    with pytest.raises(SystemExit):
        main(["run", str(recipe), "--dry-run"])
    assert re.search(r"polite +up to 2 requests", capsys.readouterr().err)


@pytest.mark.usefixtures("polite")
def test_its_prompt_is_part_of_what_a_run_is_finished_for(tmp_path: Path) -> None:
    recipe = recipe_with(tmp_path, "polite")
    assert run_with_result(recipe).summary["requests"] == 4
    assert run_with_result(recipe).summary["requests"] == 0
    prompt = tmp_path / "site/polite_stage/prompts/politer.md"
    prompt.write_text(prompt.read_text().replace("politely", "politely, please"))
    assert run_with_result(recipe).summary["requests"] == 4


@pytest.mark.usefixtures("polite")
def test_its_keys_are_checked_and_in_the_schema(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no key 'thank' here\. Did you mean 'thanks'\?"):
        load_recipe(recipe_with(tmp_path, {"polite": {"thank": "x"}}))
    items = recipe_schema()["properties"]["stages"]["items"]["anyOf"]
    assert "polite" in items[0]["enum"]
    (options,) = [item["properties"]["polite"] for item in items[1:] if "polite" in item["properties"]]
    assert options["properties"]["thanks"]["description"] == "The last words of each answer."


@pytest.mark.usefixtures("polite")
def test_it_is_named_among_the_others(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no stage 'polit'\. Did you mean 'polite'\?") as error:
        load_recipe(recipe_with(tmp_path, "polit"))
    assert error.value.hint is not None
    assert error.value.hint.endswith("topics, polite.")


@pytest.mark.parametrize(
    "place", ["polite_stage:NOTHING", "no_such_module:STAGE", "polite_stage:PoliteOptions"]
)
@pytest.mark.usefixtures("polite")
def test_a_broken_package_is_an_error_of_the_recipe(tmp_path: Path, place: str) -> None:
    entry = tmp_path / "site/polite_stage-1.0.dist-info/entry_points.txt"
    entry.write_text(f"[synth.stages]\npolite = {place}\n")
    with pytest.raises(RecipeError, match=f"'polite' is added by {place}, which") as error:
        load_recipe(recipe_with(tmp_path, "polite"))
    assert str(error.value.where).endswith("stages.0.polite")


def test_only_the_stages_of_a_recipe_are_loaded(tmp_path: Path) -> None:
    """And before the run, only their options."""
    recipe = recipe_with(tmp_path, "standardise")
    code = f"""
import sys, synth
from synth.recipe.load import load_recipe
load_recipe({str(recipe)!r})
print(*sys.modules)
synth.run({str(recipe)!r})
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    checked, ran = (set(line.split()) for line in done.stdout.splitlines())
    folders = {f"synth.stages.{name}" for name in STAGES.names}
    assert checked & folders == ran & folders == {"synth.stages.standardise"}
    assert "synth.stages.standardise.stage" not in checked
    assert "synth.stages.standardise.stage" in ran
