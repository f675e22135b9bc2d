"""Measures time and peak memory of an export of many short, synthetic rows.

    python benchmarks/export_scale.py --rows 1000000

Makes the run folder first (not timed), then exports it in a separate process.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson

from synth.exports import export_run
from synth.recipe.model import Recipe, StageSpec
from synth.row import Lineage, content_id
from synth.slot import order_key
from synth.stages.generate.options import GenerateOptions
from synth.store import database
from synth.store.folder import RunFolder
from synth.store.writer import row_line
from tests.made_row import made_row

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--format", default="trl-sft")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run is not None:
        _export(arguments.run, arguments.format)
        return
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        _make_run(run, arguments.rows)
        subprocess.run([sys.executable, __file__, "--run", run, "--format", arguments.format], check=True)


def _export(run: Path, form: str) -> None:
    began = time.perf_counter()
    result = export_run(run, format=form)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak, processor = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
    rows = sum(result.files.values())
    written = sum(file.stat().st_size for file in result.folder.iterdir()) / 2**20
    print("| rows | train | test | withheld | written | time | CPU time | rows/s | peak memory |")
    print("|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {rows:,} | {result.files['train']:,} | {result.files['test']:,} "
        f"| {sum(result.withheld.values()):,} | {written:,.0f} MiB | {seconds:,.1f} s | {processor:,.1f} s "
        f"| {rows / seconds:,.0f} | {peak:,.0f} MiB |"
    )


def _make_run(folder: Path, count: int) -> None:
    folder.mkdir()
    files = RunFolder(folder)
    files.about.write_bytes(orjson.dumps({"format": 1, "name": "large"}))
    recipe = Recipe(
        name="large",
        models={"writer": {"provider": "fake"}},
        stages=(StageSpec(kind="generate", name="generate", options=GenerateOptions()),),
    )
    files.recipe.write_text(recipe.model_dump_json(by_alias=True))
    connection = database.connect(files.database, writable=True)
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO meta VALUES (?, ?)", [("version", "1"), ("finished", "1")])
    connection.executemany("INSERT INTO rows VALUES (?,?,?,?,?,?,?,?,?,?,?)", _lines(count))
    connection.execute("COMMIT")
    connection.close()


def _lines(count: int) -> Iterator[tuple[object, ...]]:
    chance = random.Random(7)
    words = ["".join(chance.choices(_LETTERS, k=chance.randint(3, 9))) for _ in range(20_000)]
    for number in range(count):
        asked, said = (" ".join(chance.choices(words, k=chance.randint(8, 25))) for _ in range(2))
        messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        parents = (content_id("passage", number // 3),) if number % 4 == 0 else ()
        lineage = Lineage("seed", parents, (), "generate", "generate/self_instruct@1", "m", {}, "sha256")
        row = made_row(content_id(number), messages, lineage, status="kept")
        yield row_line(row, order_key((1, number)), 1)


if __name__ == "__main__":
    main()
