"""Run folders for the tests, made through the store's own schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson

from synth.recipe.model import Recipe, StageSpec
from synth.row import Lineage, Row, content_id
from synth.slot import order_key
from synth.stages.dedupe.options import DedupeOptions
from synth.stages.generate.options import GenerateOptions
from synth.store import database
from synth.store.folder import RunFolder
from synth.store.writer import row_line
from tests.made_row import made_row

_INSERT = "INSERT INTO rows VALUES (?,?,?,?,?,?,?,?,?,?,?)"


def chat(prompt: str, answer: str, system: str | None = None) -> list[dict[str, Any]]:
    """A single exchange."""
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return [{"role": "system", "content": system}, *messages] if system else messages


def seed(messages: list[dict[str, Any]], **more: Any) -> Row:
    """A row that people gave."""
    return made_row(content_id("seed", messages), messages, Lineage("seed"), status="kept", **more)


def held_out(messages: list[dict[str, Any]], **more: Any) -> Row:
    """A row that was set aside."""
    return made_row(content_id("seed", messages), messages, Lineage("holdout"), status="kept", **more)


def draft(messages: list[dict[str, Any]], parents: Sequence[str] = (), **more: Any) -> Row:
    """A row that a model wrote."""
    lineage = Lineage(
        "seed", parents, ("a-shot",), "generate", "generate/self_instruct@1", "m", {"top_p": 0.5}, "sha"
    )
    return made_row(
        content_id("draft", messages, list(parents)), messages, lineage, **{"status": "kept", **more}
    )


def drafts(count: int, start: int = 0) -> list[Row]:
    """Drafts that have nothing in common."""
    return [
        draft(
            chat(f"{_scattered(n)} please explain {_scattered(n + 7919)}", f"Answer {n}: {_scattered(n + 1)}")
        )
        for n in range(start, start + count)
    ]


def _scattered(number: int) -> str:
    digest = content_id(number)
    return " ".join(digest[i : i + 4] for i in range(0, 16, 4))


def make_run(
    folder: Path,
    rows: Iterable[Row],
    *,
    export: dict[str, Any] | None = None,
    reviews: dict[str, dict[str, Any]] | None = None,
    finished: bool = True,
) -> Path:
    """A run folder that holds `rows`, in this order. `reviews` are the receipts' `review`, by row id."""
    folder.mkdir(parents=True)
    files = RunFolder(folder)
    files.about.write_bytes(orjson.dumps({"format": 1, "name": "tiny"}))
    recipe = Recipe(
        name="tiny",
        models={"writer": {"provider": "fake"}},
        stages=(
            StageSpec(kind="generate", name="generate", options=GenerateOptions()),
            StageSpec(kind="dedupe", name="dedupe", options=DedupeOptions()),
        ),
        export={"license": "mit", **(export or {})},
    )
    files.recipe.write_text(recipe.model_dump_json(by_alias=True))
    connection = database.connect(files.database, writable=True)
    notes = {"messages": [], "sources": {"seeds.jsonl": "5eed"}, "seeds": 0, "holdout": 0}
    connection.executemany(
        "INSERT INTO meta VALUES (?, ?)",
        [("version", "1"), ("notes", json.dumps(notes)), *([("finished", "1")] if finished else [])],
    )
    for number, row in enumerate(rows):
        line = list(row_line(row, order_key((0, number)), 1))
        if reviews and row.id in reviews:
            line[-1] = orjson.dumps({**row.to_json(), "review": reviews[row.id]})
        connection.execute(_INSERT, line)
    connection.close()
    return folder


def read_lines(file: Path) -> list[dict[str, Any]]:
    """A JSON Lines file."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n")[:-1]]


def read_all(folder: Path) -> dict[str, bytes]:
    """Every file of an export."""
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
