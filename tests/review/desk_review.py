"""A small support desk that was run with the fake model, reviewed through a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from synth.api import run_with_result
from synth.llm.base import Json
from synth.review.pull import PullReport, pull
from synth.review.push import PushOptions, PushReport, push
from synth.review.targets.file import FileBackend
from synth.review.targets.pushed import pushed_to
from synth.store import RunFolder


def run_desk(recipe: Path, out: Path, *changes: str) -> Json:
    """`synth run`, to its end."""
    result = run_with_result(recipe, out, settings=changes)
    assert result.error is None, result.error
    return result.summary


def push_file(run: Path) -> PushReport:
    return push(run, FileBackend(RunFolder(run).review), PushOptions(), lambda line: None)


def pull_file(run: Path) -> PullReport:
    backend = FileBackend(RunFolder(run).review)
    return pull(run, backend, pushed_to(backend, None), lambda line: None)


def records(run: Path, name: str = "desk") -> list[Json]:
    """What stands in the file to review."""
    lines = (RunFolder(run).review / f"{name}.jsonl").read_bytes().splitlines()
    return [orjson.loads(line) for line in lines]


def answer(run: Path, change: Callable[[list[Json]], Any], name: str = "desk") -> None:
    """Writes answers into the file, as `change` makes them."""
    lines = records(run, name)
    change(lines)
    file = RunFolder(run).review / f"{name}.jsonl"
    file.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))


def give(run: Path, answers: dict[str, Json], name: str = "desk") -> None:
    """Answers by row, then by annotator."""

    def write(lines: list[Json]) -> None:
        for line in lines:
            line["answers"] |= answers.get(line["id"], {})

    answer(run, write, name)
