"""`--dry-run` forecasts the requests of a run on the fake model: exactly if no reply can change the
number, and otherwise within its bounds.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from synth.api import run_to_end, run_with_result
from synth.cli import main
from synth.llm.base import Json
from synth.pipeline.dry_run import Plan, dry_run
from synth.pipeline.progress import Progress
from synth.pipeline.report import RunResult
from synth.stages.forecast import Requests
from synth.stages.registry import STAGES as REGISTRY
from synth.store import RunFolder
from synth.store.journal import read_records
from tests.test_examples import EXAMPLES, RECIPES, WITHOUT_DRAFTS

ASK = {"score": {"rubric": "quality"}}
# For each case, stages and the words for the requests of each stage that asks.
STAGES: dict[str, tuple[list[Json], dict[str, str]]] = {
    "topics": ([{"topics": {"batch_size": 2}}, {"generate": {"count": 4}}], {"generate": "4 or more"}),
    "generate": ([{"generate": {"count": 20}}, ASK], {"generate": "20 or more", "score": "6 to 26"}),
    "generate requests": (
        [{"generate": {"answers": False, "count": 12}}, {"respond": {}}],
        {"generate": "3 or more", "respond": "5 to 17"},
    ),
    "topics weights": (
        [{"topics": {"taxonomy": ["a", "b"], "weights": "seeds"}}, {"generate": {"count": 4}}],
        {"generate": "4 or more"},
    ),
    "backtranslate": ([{"backtranslate": {}}], {"backtranslate": "4 to 13"}),
    "questions": ([{"backtranslate": {"mode": "questions", "questions": 2}}], {"backtranslate": "3"}),
    "paraphrase": ([{"paraphrase": {"variants": 2}}], {"paraphrase": "11 to 31"}),
    "paraphrase alone": (
        [{"paraphrase": {"ask_judge": False}}, ASK],
        {"paraphrase": "10", "score": "6 to 16"},
    ),
    "paraphrase drafts": (
        [
            {"generate": {"count": 4}},
            {"paraphrase": {"from": ["generate"], "variants": 1, "ask_judge": False}},
        ],
        {"generate": "4 or more", "paraphrase": "up to 4"},
    ),
    "evolve": ([{"evolve": {}}], {"evolve": "6 to 16"}),
    "evolved requests": ([{"evolve": {"answers": False}}, {"respond": {}}], {}),
    "questions in context": (
        [{"backtranslate": {"mode": "questions", "context": {"distractors": 1, "absent": 0.5}}}],
        {},
    ),
    "target_failures": ([{"target_failures": {"each": 2}}], {}),
    "respond": ([{"respond": {"turns": 2}}], {"respond": "5 to 20"}),
    "respond once": ([{"respond": {}}], {"respond": "5"}),
    "respond again": ([{"respond": {"regenerate": True}}], {"respond": "5"}),
    "grounded": ([{"respond": {"grounded": {}}}], {"respond": "5"}),
    "respond n": ([{"respond": {"n": 3}}, ASK], {"respond": "30", "score": "6 to 36"}),
    "apply": (
        [{"generate": {"count": 3}}, {"apply": {"function": "mine.py:same"}}],
        {"generate": "3 or more"},
    ),
    "standardise": ([{"generate": {"count": 3}}, {"standardise": {}}], {"generate": "3 or more"}),
    "dedupe": ([{"dedupe": {}}, ASK], {"score": "6"}),
    "redact": ([{"redact": {}}, ASK], {"score": "6"}),
    "check": ([{"check": {"json": "schema.json"}}, ASK], {"score": "6"}),
    "score": ([ASK], {"score": "6"}),
    "score seeds": ([{"generate": {"count": 2}}, {"score": {"seeds": False}}], {"score": "1 to 3"}),
    "together": (
        [{"respond": {"n": 2}}, {"score": {"listwise": True, "swap": True}}],
        {"respond": "20", "score": "5 to 20"},
    ),
    "limits": ([{"generate": {"count": 9}}, {"backtranslate": {"count": 2, "round_trip": False}}], {}),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    seeds = [{"instruction": f"What is part {i} of the plan?", "response": f"x{i}"} for i in range(5)]
    prompts = [{"instruction": f"Which part is number {i}?"} for i in range(5)]
    failures = [{"instruction": f"Why {i}?", "response": "no", "problem": f"bad {i}"} for i in range(4)]
    for name, rows in (("seeds", seeds), ("prompts", prompts), ("failures", failures)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    for number in range(3):
        (tmp_path / f"{number}.md").write_text(f"Number {number} of all. " * 40)
    (tmp_path / "mine.py").write_text("def same(row):\n    return True\n")
    (tmp_path / "schema.json").write_text("{}")
    return tmp_path


def recipe_of(folder: Path, stages: list[Json]) -> Path:
    verbs = {verb for stage in stages for verb in stage}
    sources = {"seeds": "seeds.jsonl"}
    sources |= {"prompts": "prompts.jsonl"} if "respond" in verbs else {}
    sources |= {"documents": "*.md"} if verbs & {"backtranslate", "respond"} else {}
    sources |= {"failures": "failures.jsonl"} if "target_failures" in verbs else {}
    file = folder / "recipe.yaml"
    models = {"writer": {"provider": "fake"}}
    file.write_text(yaml.safe_dump({"name": "plan", "models": models, "sources": sources, "stages": stages}))
    return file


def plan_of(recipe: Path, *settings: str, limit: int | None = None, out: Path | None = None) -> Plan:
    return run_to_end(dry_run(recipe, list(settings), limit, out))


def holds(plan: Plan, said: Requests, asked: int, repeats: int) -> None:
    """Whether so many requests, some of which repeat one whose answer could not be used, are as it said."""
    assert said.least <= asked, plan.words()
    assert said.most is None or asked - repeats <= said.most, plan.words()


def run_as_planned(
    plan: Plan, recipe: Path, out: Path, *settings: str, limit: int | None = None
) -> RunResult:
    """Runs the recipe, and compares what every stage asks with what the plan says."""
    before = len(journal(out))
    progress = Progress()
    result = run_with_result(recipe, out, settings=settings, limit=limit, progress=progress)
    repeats = sum("attempt" in request for request in journal(out)[before:])
    assert progress.ledger is not None
    asked = progress.ledger.asked
    # What a maker asks ahead is given up where the rest is enough.
    assert asked.total() >= result.summary["requests"] == len(journal(out)) - before
    for stage in plan.stages:
        holds(plan, stage.requests, asked[stage.stage], repeats)
    holds(plan, plan.requests, asked.total(), repeats)
    return result


def journal(out: Path) -> list[Json]:
    file = RunFolder(out).journal
    return [json.loads(record.request) for _, record in read_records(file)] if file.exists() else []


@pytest.mark.parametrize("case", STAGES)
def test_what_it_says_of_a_stage_is_what_the_run_asks(folder: Path, case: str) -> None:
    stages, expected = STAGES[case]
    recipe = recipe_of(folder, stages)
    plan = plan_of(recipe)
    said = {stage.stage: stage.requests.words() for stage in plan.stages}
    assert {name: said[name] for name in expected} == expected
    assert not plan.answered
    assert not (folder / "runs").exists()
    result = run_as_planned(plan, recipe, folder / "runs" / "plan")
    assert result.exit_code == 0, result.error
    again = plan_of(recipe)
    assert again.requests.words() == "0", again.words()
    assert again.answered == result.summary["requests"]
    assert not again.shown


def test_every_stage_has_a_case() -> None:
    verbs = {verb for stages, _ in STAGES.values() for stage in stages for verb in stage}
    assert verbs == set(REGISTRY.names)


@pytest.mark.parametrize("name", [*RECIPES, *sorted(WITHOUT_DRAFTS)])
def test_what_it_says_of_an_example_is_what_the_run_asks(tmp_path: Path, name: str) -> None:
    folder = tmp_path / Path(name).parent
    shutil.copytree(EXAMPLES / Path(name).parent, folder, ignore=shutil.ignore_patterns("runs"))
    if name == "finetune/pairs.yaml":
        pair = {"prompt": "Where?", "chosen": "Here.", "rejected": "There."}
        (folder / "pairs.jsonl").write_text(json.dumps(pair) + "\n")
    fake = "models.writer.provider=fake"
    limit = RECIPES.get(name, (None, 0))[0]
    plan = plan_of(tmp_path / name, fake, limit=limit, out=tmp_path / "out")
    result = run_as_planned(plan, tmp_path / name, tmp_path / "out", fake, limit=limit)
    if result.error is None:
        again = plan_of(tmp_path / name, fake, limit=limit, out=tmp_path / "out")
        assert again.requests.words() == "0", again.words()


def test_a_higher_count_costs_only_what_is_new(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = run_with_result(desk, out).summary
    made = first["total"]["requests"]
    plan = plan_of(desk, "stages.generate.count=60", out=out)
    stages = {stage.stage: stage for stage in plan.stages}
    # A request that was asked ahead may have been answered already.
    new = stages["generate"].requests
    assert 17 <= new.least <= 20
    assert (new.usual, new.most) == (new.least, None)
    assert stages["score"].requests.most == 20
    assert 0 < plan.answered <= made
    assert f"; {plan.answered} more are answered already" in plan.words()
    run_as_planned(plan, desk, out, "stages.generate.count=60")


def test_another_rubric_costs_only_the_judge(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_with_result(desk, out)
    text = (Path(__file__).parent.parent / "prompts" / "score" / "quality.md").read_text()
    (tmp_path / "strict.md").write_text(text.replace("You grade an", "You grade strictly an"))
    plan = plan_of(desk, "stages.score.rubric=strict.md", out=out)
    stages = {stage.stage: stage for stage in plan.stages}
    assert stages["generate"].requests.words() == "0"
    assert not any(shown.made_up for shown in plan.shown)
    again = run_as_planned(plan, desk, out, "stages.score.rubric=strict.md").summary
    assert 0 < again["requests"] <= stages["score"].requests.usual


@pytest.mark.parametrize("budget", [5, 30, 70, 90])
def test_an_unfinished_run(desk: Path, tmp_path: Path, budget: int) -> None:
    out = tmp_path / "out"
    run_with_result(desk, out, settings=[f"budget.requests={budget}"])
    plan = plan_of(desk, out=out)
    assert plan.answered <= budget
    run_as_planned(plan, desk, out)


def test_a_target(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plan = plan_of(desk, "target=12", out=out)
    stages = {stage.stage: stage.requests.words() for stage in plan.stages}
    assert stages["generate"] == "about 12"
    run_with_result(desk, out, settings=["target=12"])
    assert plan_of(desk, "target=12", out=out).requests.words() == "0"


def test_what_it_prints(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["run", str(desk), "--dry-run"])
    assert done.value.code == 0
    shown, said = capsys.readouterr()
    assert "=== generate, prompt 1 of 40 or more ===" in shown
    assert "=== score, before the first row: a probe that shows how" in shown
    assert "=== score, prompt 1 of 53 to 93 ===" in shown
    assert "generate  40 or more requests" in said
    assert "At least" not in said
    assert "Nothing was called." in said


def test_its_json_has_the_numbers_of_each_stage(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(
            [
                "run",
                str(desk),
                "--dry-run",
                "--json",
                "--set",
                "models.judge.price={prompt: 1, completion: 2}",
            ]
        )
    document = json.loads(capsys.readouterr().out)
    assert document["stages"][0] == {
        "stage": "generate",
        "requests": 40,
        "at_least": 40,
        "at_most": None,
        "answered": 0,
    }
    assert document["requests"] == sum(stage["requests"] for stage in document["stages"]) == 133
    assert document["cost_usd"] > 0
    assert {prompt["stage"] for prompt in document["prompts"]} == {"generate", "score"}
