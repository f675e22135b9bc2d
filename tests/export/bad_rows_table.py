"""Writes docs/bad-rows.md: what each consumer does with each bad row, and what `synth` does.

    python tests/export/bad_rows_table.py

The rows come from `bad_rows.py`. The export's mapping writes them without its rules. The script needs the
environments of all four consumers, see `test_consumers.py`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bad_rows import BAD_ROWS, row_of

from synth.errors import ExportError
from synth.exports.example import examples_of
from synth.exports.formats import FORMATS
from synth.exports.formats.base import Format
from synth.llm.base import Json
from synth.recipe.model import ExportOptions

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "bad-rows.md"
ENVIRONMENTS = Path(os.environ.get("SYNTH_CONSUMERS", ROOT / ".venvs"))
JUDGE = Path(__file__).parent / "consumers" / "judge.py"
TINY_MODEL = Path(__file__).parent / "consumers" / "tiny_model.py"

# For each format: its consumer, and the environment where it is installed.
CONSUMERS = {
    "trl-sft": ("trl", "finetune"),
    "mistral": ("mistral", "finetune"),
    "together": ("together", "together"),
    "llama-factory": ("llama-factory", "llama-factory"),
}
NAMES = {
    "trl-sft": "TRL 1.16.0, `SFTTrainer` with qwen3's template",
    "mistral": "mistral-common 1.13.1, its validator for fine-tuning",
    "together": "Together 1.6.0, `check_file`",
    "llama-factory": "LLaMA-Factory 0.9.5, its converter",
}
NO_WAY = "cannot be put"
_HEAD = """# Bad rows, and what happens to them

This page tests {rows} rows that nobody should train on as they are. Each row is written without
`synth`'s rules and given to the code of its consumer.

| consumer | meaning |
|---|---|
| `rejects` | an error |
| `drops` | the row is not trained on, and no message says so |
| `loses a text` | the row is trained on without one of its texts |
| `accepts` | the row is trained on |
| `cannot be put` | the format has no way to write the row |

The column `synth` shows what `synth export` does. It stops and names the row and the rule, or it writes
the row, because the format can express it and no harm is known. `python tests/export/bad_rows_table.py`
writes this page. Tests compare it with what the consumers and `synth` do.

| consumer | synth | rows |
|---|---|---|
{counts}

"""
_LINE = re.compile(r"\| (?P<row>[^|]+) \| (?P<consumer>[^|]+) \| (?P<synth>.+) \|")


def ours(form: str) -> dict[str, tuple[Json | None, str]]:
    """For each bad row: the record that the mapping alone writes, and what `synth` does."""
    return {name: _ours(FORMATS[form], name) for name in BAD_ROWS}


def theirs(form: str, model: str) -> dict[str, str]:
    """What the format's consumer does with each bad row: rejects, drops, loses a text, accepts.

    `model` is a folder that `tiny_model.py` made.
    """
    consumer, environment = CONSUMERS[form]
    records = {name: record for name, (record, _) in ours(form).items() if record is not None}
    lines = "".join(json.dumps({"name": name, "record": record}) + "\n" for name, record in records.items())
    done = subprocess.run(
        [ENVIRONMENTS / environment / "bin" / "python", JUDGE, consumer, model],
        input=lines,
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        check=True,
    )
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"name"')]
    verdicts = {each["name"]: each["verdict"].partition(":")[0] for each in said}
    return {name: verdicts.get(name, NO_WAY) for name in BAD_ROWS}


def written(form: str) -> dict[str, tuple[str, str]]:
    """The table of a format in docs/bad-rows.md: for each bad row, the consumer's verdict and ours."""
    section = TABLE.read_text("utf-8").split(f"\n## `{form}`")[1].split("\n## ")[0]
    found = [_LINE.fullmatch(line) for line in section.splitlines()]
    return {line["row"]: (line["consumer"], line["synth"]) for line in found[3:] if line}


def cell(words: str) -> str:
    """Words, escaped for a cell of a table."""
    return words.replace("|", "\\|")


def main() -> None:
    verdicts = {}
    with tempfile.TemporaryDirectory() as model:
        python = ENVIRONMENTS / "finetune" / "bin" / "python"
        subprocess.run([python, TINY_MODEL, model], check=True, capture_output=True)
        for form in CONSUMERS:
            verdicts[form] = theirs(form, model)
    TABLE.write_text(page(verdicts), encoding="utf-8")


def page(verdicts: Mapping[str, Mapping[str, str]]) -> str:
    """The whole of docs/bad-rows.md."""
    counts: Counter[tuple[str, str]] = Counter()
    sections = []
    for form in CONSUMERS:
        lines = ["| row | consumer | synth |", "|---|---|---|"]
        for name, (_, words) in ours(form).items():
            counts[verdicts[form][name], words.split(":")[0]] += 1
            lines.append(f"| {name} | {verdicts[form][name]} | {cell(words)} |")
        sections.append("\n".join([f"## `{form}`: {NAMES[form]}", "", *lines]))
    summary = [f"| {verdict} | {words} | {count} |" for (verdict, words), count in sorted(counts.items())]
    head = _HEAD.format(rows=counts.total(), counts="\n".join(summary))
    return head + "\n\n".join(sections) + "\n"


def _ours(form: Format, name: str) -> tuple[Json | None, str]:
    example, _ = next(examples_of(row_of(name), "answer", ExportOptions()))
    try:
        form.write(example)
        words = "writes"
    except ExportError as error:
        words = f"stops: {error.message.split(': ', 1)[1]}"
    try:
        return form.record(example), words
    except (KeyError, IndexError, TypeError, AttributeError):
        return None, words  # the format has no way to write it


if __name__ == "__main__":
    main()
