"""Runs a whole review with a real local Argilla that is killed twice, and three scripted annotators.

    python -m benchmarks.review_circle --rows 2000

1. A run of the fake model is pushed. The server is killed with -9 after the first batch, and started again.
2. Two annotators answer.
3. A pull is killed after its first page.
4. The third annotator answers during further pulls.

Then everything is compared with the scripts: nothing is lost, nothing is there twice, and the exported rows
have the annotators' text. Otherwise the benchmark exits with an error.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import synth
from synth.api import export, run_with_result
from synth.llm.base import Json
from tests.conftest import seed_lines
from tests.review import argilla_circle as circle

RECIPE = """
name: desk
seed: 3
models:
  writer: {{provider: fake}}
  judge: {{provider: fake, model: judge}}
sources: {{seeds: seeds.jsonl}}
stages:
  - generate: {{count: {rows}}}
  - score: {{rubric: quality, keep: '>= 2'}}
review: {{task: edit, rows: {rows}, annotators: 2, overlap: 0.2, sample: {{uncertain: 0.5, random: 0.5}}}}
export: {{split: {{train: 1.0, test: 0.0}}}}
"""


def make_run(folder: Path, rows: int) -> Path:
    """Makes a finished run with at least this many reviewable rows."""
    (folder / "seeds.jsonl").write_text("\n".join(seed_lines(60)) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE.format(rows=rows))
    result = run_with_result(folder / "recipe.yaml")
    assert result.error is None, result.error
    return folder / "runs" / "desk"


def check(run: Path, records: dict[str, Json], needed: dict[str, int], said: int) -> Counter[str]:
    """Compares the run with the scripts. Returns the number of correct rows by status."""
    given = [(answer["row"], answer["by"]) for answer in circle.journaled_answers(run)]
    assert len(given) == len(set(given)) == said, (len(given), len(set(given)), said)
    exported = export(run, "messages").folder / "receipts.jsonl"
    texts = {}
    with exported.open() as lines:
        for line in lines:
            receipt = json.loads(line)
            texts[receipt["id"]] = receipt["messages"][-1]["content"]
    opened, found = synth.open(run), Counter[str]()
    for row, record in records.items():
        status, text = circle.expected(row, record["draft"], circle.readers_of(record, needed[row]))
        receipt = opened.row(row)
        assert receipt["review"]["status"] == status, (row, status, receipt["review"])
        assert texts.get(row) == text, row
        found[status] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2000)
    rows = parser.parse_args().rows
    times: list[tuple[str, float]] = []

    def timed(what: str, since: float) -> float:
        now = time.monotonic()
        times.append((what, now - since))
        print(f"{what}: {now - since:.1f} s", file=sys.stderr, flush=True)
        return now

    with tempfile.TemporaryDirectory() as place, circle.argilla(Path(place) / "home") as server:
        run = make_run(Path(place), rows)
        clock = time.monotonic()
        circle.push_with_a_kill(run, server)
        clock = timed("push, killed after its first batch (with the start of the server)", clock)
        server.running  # noqa: B018 - starts it again
        clock = timed("second start of the server", clock)
        report = circle.push_rows(run, server)
        clock = timed("push of the rest", clock)
        assert not report.refused
        needed = circle.shown_to(run)
        records = {
            record["external_id"]: record
            for name in report.targets
            for record in circle.records_of(server.running, name)
        }
        assert set(records) == set(needed)
        people = circle.people(server)
        todo = {
            person.name: [
                record
                for row, record in records.items()
                if person.name in circle.readers_of(record, needed[row])
            ]
            for person in people
        }
        for person in people[:-1]:
            person.answer(server.running, todo[person.name])
        clock = timed(f"two annotators answered {sum(len(todo[p.name]) for p in people[:-1])} records", clock)
        circle.pull_with_a_kill(run, server)
        kept = len(circle.journaled_answers(run))
        server.running  # noqa: B018 - starts it again
        clock = timed(f"pull, killed after {kept} answers, and third start of the server", clock)
        working = circle.answer_in_background(people[-1], server.running, todo[people[-1].name], pause=0.0)
        pulls = 0
        while working.is_alive():
            circle.pull_rows(run, server)
            pulls += 1
        clock = timed(
            f"{pulls} pulls while the third annotator answered {len(todo[people[-1].name])} records", clock
        )
        circle.pull_rows(run, server)
        clock = timed("the last pull", clock)
        before = (run / "decisions.jsonl").read_bytes()
        assert circle.pull_rows(run, server).new == 0
        assert (run / "decisions.jsonl").read_bytes() == before
        found = check(run, records, needed, sum(map(len, todo.values())))
    print(
        f"\n{len(records)} rows, {sum(map(len, todo.values()))} answers, {server.kills} kills: nothing lost,"
    )
    print("nothing twice, a further pull changed no byte, and each exported row has the annotators' text:")
    print(", ".join(f"{status} {count}" for status, count in sorted(found.items())))
    print("\n| step | s |\n|---|---|")
    for what, seconds in times:
        print(f"| {what} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
