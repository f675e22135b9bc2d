"""Only stages whose outcome depends on earlier rows hold a row back behind a slow one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from synth.api import run_with_result
from synth.llm.base import Request
from synth.llm.fake.client import FakeClient
from synth.recipe.model import Recipe
from synth.stages.base import OrderedStage
from synth.stages.registry import STAGES

PROMPTS = 40

# What stands between the writer and the judge, and asks no model.
UNORDERED = {
    "standardise": "  - standardise: {}\n",
    "check": "  - check: {function: mine.py:passes}\n",
}
ORDERED = {"dedupe": "  - dedupe: {}\n", "apply": "  - apply: {function: mine.py:keep}\n"}


class Held(FakeClient):
    """Holds its first answer back until `others` tells that it may come."""

    def __init__(self, others: Others) -> None:
        super().__init__()
        self._others = others

    async def ask(self, request: Request) -> bytes:
        self._others.written += 1
        if self._others.written == 1:
            async with asyncio.timeout(self._others.seconds):
                await self._others.judged.wait()
        return await super().ask(request)


class Judge(FakeClient):
    """Tells `others` when it has been asked about every row but one."""

    def __init__(self, others: Others) -> None:
        super().__init__("judge")
        self._others = others

    async def ask(self, request: Request) -> bytes:
        self._others.asked += 1
        if self._others.asked == PROMPTS - 1:
            self._others.judged.set()
        return await super().ask(request)


class Others:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.judged = asyncio.Event()
        self.written = self.asked = 0


def run(folder: Path, between: str, monkeypatch: pytest.MonkeyPatch, seconds: float) -> Others:
    (folder / "prompts.jsonl").write_text(
        "".join(json.dumps({"instruction": f"What is {i} times {i}?"}) + "\n" for i in range(PROMPTS))
    )
    (folder / "mine.py").write_text("def keep(row):\n    return None\n\ndef passes(row):\n    return True\n")
    (folder / "recipe.yaml").write_text(
        "name: straggler\nmodels:\n  writer: {provider: fake}\n  judge: {provider: fake, model: judge}\n"
        f"sources: {{prompts: prompts.jsonl}}\nstages:\n  - respond: {{}}\n{between}"
        "  - score: {rubric: quality, score_from: text}\n"
    )
    others = Others(seconds)
    clients: Callable[[Recipe, object], object] = lambda recipe, say: {  # noqa: E731
        "writer": Held(others),
        "judge": Judge(others),
    }
    monkeypatch.setattr("synth.pipeline.run.build_clients", clients)
    result = run_with_result(folder / "recipe.yaml", folder / "out")
    assert result.error is None
    assert result.summary["accepted"] == PROMPTS
    return others


@pytest.mark.parametrize("between", UNORDERED.values(), ids=UNORDERED)
def test_the_judge_is_asked_about_all_others_before_a_straggler_comes(
    between: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(tmp_path, between, monkeypatch, seconds=60).judged.is_set()


@pytest.mark.parametrize("between", ORDERED.values(), ids=ORDERED)
def test_an_ordered_stage_holds_rows_back_behind_a_straggler(
    between: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        run(tmp_path, between, monkeypatch, seconds=1)
    assert caught.group_contains(TimeoutError)


def test_which_stages_have_an_order() -> None:
    """A stage that has one slows a run down behind each straggler: it needs a reason."""
    ordered = {kind for kind in STAGES.names if issubclass(STAGES.find(kind).load(), OrderedStage)}
    assert ordered == {
        "dedupe",  # the first of two near-copies stays
        "apply",  # a function of the user's may count or remember, and gets rows in the run's order
    }
