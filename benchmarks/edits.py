"""Counts the requests after four edits of a finished run of 200, and compares each result with a fresh run.

python benchmarks/edits.py
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from synth.api import export, run_with_result
from synth.store import RunFolder
from synth.store.journal import JournalRecord, read_records

RECIPE = """\
name: edits
seed: 3
models:
  writer: {provider: fake, model: writer, cut: 0.05}
  judge: {provider: fake, model: judge, cut: 0.1}
sources: {seeds: seeds.jsonl}
holdout: {rows: 8}
stages:
  - generate: {count: 200}
  - standardise: {}
  - dedupe: {}
  - score: {rubric: quality, keep: ">= 2"}
"""
EDITS = {
    "count: 200 to 300": ("stages.generate.count=300",),
    "another judge's prompt": ("stages.score.rubric=strict.md",),
    "the judge's max_tokens: 2 to 8": ("models.judge.sampling.max_tokens=8",),
    "a 61st seed": ("sources.seeds=[seeds.jsonl, more.jsonl]",),
}


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    print("| edit | requests before | after it | to the writer | sent again | equals a fresh run |")
    print("|---|---|---|---|---|---|")
    for name, settings in EDITS.items():
        with tempfile.TemporaryDirectory() as folder:
            _measure(name, Path(folder), settings)


def _measure(name: str, folder: Path, settings: tuple[str, ...]) -> None:
    _write(folder)
    first = ("models.judge.sampling.max_tokens=2",) if "max_tokens" in name else ()
    _run(folder, "edited", first)
    before = _journal(folder / "edited")
    _run(folder, "edited", settings)
    new = _journal(folder / "edited")[len(before) :]
    _run(folder, "fresh", settings)
    old = {record.identity for record in before}
    again = sum(record.identity in old for record in new)
    writers = sum(json.loads(record.request)["model"] == "writer" for record in new)
    same = _exported(folder / "edited") == _exported(folder / "fresh")
    print(
        f"| {name} | {len(before)} | {len(new)} | {writers} | {again} | {'yes' if same else 'NO'} |",
        flush=True,
    )


def _write(folder: Path) -> None:
    seeds = [
        {"instruction": f"My {a} {b} for client {i}. What now?", "response": f"Open {a}, note {i * 37}."}
        for i, (a, b) in enumerate(
            (a, b)
            for a in ("calendar", "invoice", "reminder", "password", "waiting list", "export")
            for b in ("is wrong", "is empty", "went missing", "shows an error", "is late", "is blocked",
                      "is doubled", "is in French", "cannot be saved", "was deleted")
        )
    ]  # fmt: skip
    (folder / "seeds.jsonl").write_text("".join(json.dumps(seed) + "\n" for seed in seeds))
    more = {"instruction": "Is there a discount for a school choir?", "response": "Yes: write to sales."}
    (folder / "more.jsonl").write_text(json.dumps(more) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE)
    prompt = Path(__file__).parent.parent / "prompts" / "score" / "quality.md"
    strict = prompt.read_text(encoding="utf-8").replace("You grade how", "You grade strictly how")
    (folder / "strict.md").write_text(strict)


def _run(folder: Path, name: str, settings: tuple[str, ...]) -> None:
    result = run_with_result(folder / "recipe.yaml", folder / name, settings=settings)
    if result.error is not None:
        raise result.error


def _journal(run: Path) -> list[JournalRecord]:
    return [record for _, record in read_records(RunFolder(run).journal)]


def _exported(run: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(export(run).folder.iterdir())}


if __name__ == "__main__":
    main()
