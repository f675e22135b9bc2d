"""Prints what each consumer does with each bad row, beside what `synth` says.

    SYNTH_CONSUMERS=FOLDER python tests/export/bad_rows_table.py

The rows are those of `bad_rows.py`, mapped as an export would without its rules.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bad_rows import BAD_ROWS, row_of

from synth.errors import ExportError
from synth.exports.example import examples_of
from synth.exports.formats import FORMATS
from synth.exports.formats.base import Format
from synth.llm.base import Json
from synth.recipe.model import ExportOptions

CONSUMERS = {"trl-sft": "trl", "mistral": "mistral", "together": "together", "llama-factory": "llama-factory"}
ENVIRONMENTS = {"mistral": "trl"}


def main() -> None:
    home = Path(os.environ["SYNTH_CONSUMERS"])
    folder = Path(__file__).parent / "consumers"
    with tempfile.TemporaryDirectory() as model:
        subprocess.run(
            [home / "trl/bin/python", folder / "tiny_model.py", model], check=True, capture_output=True
        )
        counts: Counter[tuple[str, str]] = Counter()
        print("| row | format | consumer | synth |\n|---|---|---|---|")
        for form, consumer in CONSUMERS.items():
            python = home / ENVIRONMENTS.get(consumer, consumer) / "bin" / "python"
            ours = {name: _ours(FORMATS[form], name) for name in BAD_ROWS}
            records = {name: record for name, (record, _) in ours.items() if record is not None}
            theirs = _theirs([python, folder / "judge.py", consumer, model], records)
            for name, (_, words) in ours.items():
                verdict = theirs.get(name, "cannot be put")
                counts[verdict.split(":")[0], words.split(":")[0]] += 1
                print(f"| {name} | {form} | {_cell(verdict)} | {_cell(words)} |", flush=True)
    print(f"\n{sum(counts.values())} rows. Consumer, synth, rows:", file=sys.stderr)
    for (verdict, words), count in sorted(counts.items()):
        print(f"{verdict}, {words}: {count}", file=sys.stderr)


def _ours(form: Format, name: str) -> tuple[Json | None, str]:
    """The record that the mapping alone would write, and what the rules say."""
    example, _ = next(examples_of(row_of(name).receipt(), "answer", ExportOptions()))
    try:
        form.write(example)
        words = "writes"
    except ExportError as error:
        words = f"stops: {error.message.split(': ', 1)[1]}"
    try:
        return form.record(example), words
    except (KeyError, IndexError, TypeError, AttributeError):
        return None, words  # the format has no way to put it


def _theirs(command: list[str | Path], records: dict[str, Json]) -> dict[str, str]:
    lines = "".join(json.dumps({"name": name, "record": record}) + "\n" for name, record in records.items())
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, input=lines, capture_output=True, text=True, env=environment, check=True)
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"name"')]
    return {each["name"]: each["verdict"] for each in said}


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


if __name__ == "__main__":
    main()
