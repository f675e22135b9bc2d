"""Runs recipes on the scripted model, each in a separate folder."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import yaml

import synth
from synth.api import run_with_result
from synth.llm.base import Json, Request
from synth.pipeline.report import RunResult
from synth.store import RunFolder
from synth.store.journal import read_records

PARTS = ("The kiln", "A loom", "This lathe", "Every press", "The forge", "One mill", "The dryer", "A saw")


def documents(folder: Path, count: int = 3) -> None:
    """Documents of one passage each, about machines that nobody has."""
    (folder / "docs").mkdir(exist_ok=True)
    for number in range(count):
        subject = PARTS[number % len(PARTS)]
        sentences = [
            f"{subject} number {number} runs at {100 + 10 * number + k} degrees in step {k}."
            for k in range(20)
        ]
        (folder / "docs" / f"{number}.md").write_text(f"# Machine {number}\n\n{' '.join(sentences)}\n")


def seeds(folder: Path, count: int = 6) -> None:
    rows = [
        {
            "instruction": f"How do I clean machine {i} before the 12 o'clock shift?",
            "response": f"Wipe it {i}.",
        }
        for i in range(count)
    ]
    (folder / "seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def desk(
    folder: Path, stages: list[Any], script: list[Json], judge: list[Json] | None = None, **keys: Any
) -> Path:
    """A recipe with these stages; what `script` has no rule for, the fake model makes up."""
    recipe = {
        "name": "machines",
        "models": {"writer": {"provider": "fake", "script": "script.jsonl"}},
        "stages": stages,
        **keys,
    }
    (folder / "script.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in script))
    if judge is not None:
        (folder / "judge.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in judge))
        recipe["models"]["judge"] = {"provider": "fake", "model": "judge", "script": "judge.jsonl"}
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return file


def run(recipe: Path, *settings: str, out: Path | None = None, limit: int | None = None) -> RunResult:
    return run_with_result(recipe, out, settings=settings, limit=limit)


def rows(recipe: Path, **which: str) -> list[Json]:
    """Receipts of the drafts, in order."""
    every = synth.open(recipe).rows(**which)
    return [row for row in every if row["lineage"]["stage"] or row["lineage"]["origin"] == "prompt"]


def reasons(recipe: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows(recipe, status="dropped"):
        found[row["reason"]] = found.get(row["reason"], 0) + 1
    return found


def requests(recipe: Path) -> list[Json]:
    folder = RunFolder(recipe.parent / "runs" / "machines")
    return [json.loads(record.request) for _, record in read_records(folder.journal)]


class EmptyJournal:
    """A journal that has nothing, whatever is appended."""

    def find(self, request: Request) -> None:
        return None

    def append(self, request: Request, raw: bytes, *, failed: bool = False) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def said(row: Json) -> list[str]:
    return [message["content"] for message in row["messages"]]
