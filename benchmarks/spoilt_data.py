"""Measures the cost of spoilt rows for a tuned model, and the gain from cleaning.

The data are 150 rows of `examples/finetune`: 50 trusted rows and 100 drafts. Each seed spoils 30 other
drafts (20% of all rows) with five planted defects, and trains three times with the same number of steps: on
the clean rows, on the rows with the spoilt drafts, and on these after cleaning with `synth run`
(`standardise`, `check`, `dedupe`, `score`). All models answer the same 120 messages, which are not in the
training data. The judge is the same small model, tuned once on correct and wrong labels of the 50 trusted
rows. It has not seen the drafts or their defects. vLLM runs it.

    make finetune-env vllm-env
    SYNTH_VLLM_PYTHON=.venvs/vllm/bin/python python -m benchmarks.spoilt_data --folder FOLDER --model MODEL

Each training adds a line to FOLDER/results.jsonl when it ends. A second call continues from there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import synth
from benchmarks.spoiling import DEFECTS, Draft, judge_rows, spoil
from synth.api import export, run_with_result
from synth.prompts import read_prompt
from synth.row import content_id

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "finetune"
SYSTEM = "Sort this message."
TRUSTED = 50
SPOILT = 30
ARMS = ("clean", "spoilt", "cleaned")

RUBRIC = """\
---
name: sorted
version: 1
inputs: [conversation, response]
output: {type: object, properties: {score: {type: integer, minimum: 1, maximum: 5}}, required: [score]}
source: Right or wrong is all that a label can be.
---
# system
Is the message sorted right? 5 is right, 1 is wrong.
# user
{{ conversation }}
Sorted as: {{ response }}
"""

RECIPE = """\
name: spoilt
models:
  writer: {{provider: fake}}           # never asked: the drafts are there
  judge: {{provider: vllm, model: {judge}, context: 512, engine: {{enforce_eager: true}}}}
sources: {{seeds: trusted.jsonl, prompts: drafts.jsonl}}
holdout: holdout.jsonl
stages:
  - apply: {{function: drafts.py:answer}}
  - respond: {{}}
  - standardise: {{}}
  - check: {{function: drafts.py:is_label}}
  - dedupe: {{}}
  - score: {{rubric: rubric.md, keep: '>= 2', seeds: false, score_from: logprobs}}
export: {{format: trl-sft, system: {system}}}
"""

# The user's own code of that recipe: it imports the drafts of another tool unchanged, with all their spaces.
DRAFTS = """\
import json
from pathlib import Path

ANSWERS = json.loads(Path(__file__).with_name("answers.json").read_text())


def answer(row):
    if row["origin"] != "prompt":
        return row
    row["messages"].append({"role": "assistant", "content": ANSWERS[row["messages"][0]["content"]]})
    return row


def is_label(row):
    desk, stroke, time = row["answer"].partition("/")
    known = desk in ("bike", "dock", "money", "account", "lost") and time in ("today", "later")
    return known or "is no label"
"""


def python_of_trainer() -> Path:
    """The interpreter that has TRL and PEFT."""
    python = Path(os.environ.get("SYNTH_FINETUNE", ROOT / ".venvs" / "finetune")) / "bin" / "python"
    if not python.exists():
        sys.exit(f"no {python}: make it with `make finetune-env`, or name its folder in SYNTH_FINETUNE")
    return python


def example(program: str, *words: object) -> dict[str, Any]:
    """Runs a program of the example, and returns the last JSON object that it prints."""
    command = [str(python_of_trainer()), str(EXAMPLE / program), *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def drafts_of(file: Path) -> list[Draft]:
    """The rows of the example, unchanged."""
    rows = (json.loads(line) for line in file.read_text("utf-8").splitlines())
    return [Draft(row["instruction"], row["response"]) for row in rows]


def write_lines(file: Path, rows: Iterable[Any]) -> None:
    """Writes JSON Lines, and makes the folder if it is missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def as_row(draft: Draft, system: str = SYSTEM) -> dict[str, Any]:
    """The draft in the format `trl-sft`."""
    prompt = [{"role": "system", "content": system}, {"role": "user", "content": draft.message}]
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": draft.answer}]}


def as_seed(draft: Draft) -> dict[str, str]:
    """The draft as a seed of a recipe."""
    return {"instruction": draft.message, "response": draft.answer}


def make_judge(trusted: Sequence[Draft], model: Path, folder: Path) -> Path:
    """Tunes the judge's model on trusted rows, with the prompt of the stage `score`."""
    judge = folder / "judge"
    if (judge / "config.json").exists():
        return judge
    (folder / "rubric.md").write_text(RUBRIC)
    prompt = read_prompt(folder / "rubric.md", "rubric")
    rows = [
        {
            "prompt": prompt.render({"conversation": message, "response": answer}),
            "completion": [{"role": "assistant", "content": score}],
        }
        for message, answer, score in judge_rows(trusted, seed=1)
    ]
    write_lines(folder / "judge-rows" / "train.jsonl", rows)
    example("train.py", "--data", folder / "judge-rows", "--model", model, "--out", judge,
            "--epochs", 1, "--merge")  # fmt: skip
    return judge


def clean(trusted: Sequence[Draft], drafts: Sequence[Draft], judge: Path, folder: Path) -> dict[str, Any]:
    """Cleans the drafts with `synth`. Returns the file, and the outcomes by kind of defect."""
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "trusted.jsonl", map(as_seed, trusted))
    asked = [[{"role": "user", "content": draft.message}] for draft in drafts]
    write_lines(folder / "drafts.jsonl", ({"messages": messages} for messages in asked))
    (folder / "answers.json").write_text(json.dumps({draft.message: draft.answer for draft in drafts}))
    (folder / "holdout.jsonl").write_bytes((EXAMPLE / "holdout.jsonl").read_bytes())
    (folder / "drafts.py").write_text(DRAFTS)
    (folder / "rubric.md").write_text(RUBRIC)
    (folder / "recipe.yaml").write_text(RECIPE.format(judge=judge, system=SYSTEM))
    result = run_with_result(folder / "recipe.yaml")
    if result.error is not None:
        raise result.error
    out = export(folder / "runs" / "spoilt").folder
    return {"export": str(out), **what_became(drafts, folder / "runs" / "spoilt")}


def what_became(drafts: Sequence[Draft], run: Path) -> dict[str, Any]:
    """The number of drafts by defect and outcome, and the judge's scores of those that reached it."""
    receipts = {row["id"]: row for row in synth.open(run).rows()}
    fates: Counter[str] = Counter()
    scores: dict[str, list[float]] = {}
    for draft in drafts:
        row = receipts.get(content_id("prompt", [{"role": "user", "content": draft.message}], None))
        fates[f"{draft.defect or 'none'}: {_fate(row, draft)}"] += 1
        if row is not None and row["scores"]:
            scores.setdefault(draft.defect or "none", []).extend(row["scores"].values())
    return {"fates": dict(sorted(fates.items())), "scores": scores}


def _fate(row: dict[str, Any] | None, draft: Draft) -> str:
    if row is None:
        return "the same as another"
    if row["status"] == "dropped":
        return f"dropped by {row['stage']}"
    changed = row["messages"][-1]["content"] != draft.answer or row["messages"][0]["content"] != draft.message
    return "kept, rewritten" if changed else "kept"


def run_arm(arm: str, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    """Trains one arm, and evaluates it on the holdout."""
    rows = drafts_of(EXAMPLE / "seeds.jsonl")
    trusted, drafts = rows[:TRUSTED], rows[TRUSTED:]
    holdout = drafts_of(EXAMPLE / "holdout.jsonl")
    folder = given.folder / f"{arm}-{seed}"
    more: dict[str, Any] = {}
    if arm == "cleaned":
        judge = make_judge(trusted, given.model, given.folder)
        more = clean(trusted, spoil(drafts, SPOILT, seed), judge, folder)
        data = Path(more.pop("export"))
    else:
        data = folder / "data"
        used = drafts if arm == "clean" else spoil(drafts, SPOILT, seed)
        write_lines(data / "train.jsonl", map(as_row, [*trusted, *used]))
        write_lines(data / "test.jsonl", map(as_row, holdout))
    trained = example("train.py", "--data", data, "--model", given.model, "--out", folder / "tuned",
                      "--seed", seed, "--steps", given.steps)  # fmt: skip
    found = example("evaluate.py", "--data", data, "--model", given.model, "--adapter", folder / "tuned",
                    "--answers", folder / "answers.jsonl")  # fmt: skip
    return {"arm": arm, "seed": seed, "trained": trained, **found, **more}


def report(results: Sequence[dict[str, Any]]) -> str:
    """The tables for RESULTS.md."""
    sys.path.insert(0, str(EXAMPLE))
    from scoring import difference

    lines = ["| rows | trained on | exact, by seed | mean | minus clean [95%] |", "|---|---|---|---|---|"]
    found = {(r["arm"], r["seed"]): r for r in results}
    for arm in ARMS:
        seeds = sorted(seed for name, seed in found if name == arm)
        if not seeds:
            continue
        shares = [found[arm, seed]["right"].count("1") / found[arm, seed]["rows"] for seed in seeds]
        rows = sorted({found[arm, seed]["trained"]["rows"] for seed in seeds})
        both = [seed for seed in seeds if ("clean", seed) in found]
        against = "-"
        if arm != "clean" and both:
            against = str(difference(_by_row(found, "clean", both), _by_row(found, arm, both)))
        by_seed = ", ".join(f"{share:.3f}" for share in shares)
        lines.append(
            f"| {arm} | {', '.join(map(str, rows))} | {by_seed} | {statistics.mean(shares):.3f} | {against} |"
        )
    return "\n".join([*lines, "", *_fates(results), "", *_of_the_judge(results)])


def _by_row(found: dict[tuple[str, int], dict[str, Any]], arm: str, seeds: Sequence[int]) -> list[float]:
    """The share of seeds that answered each held-out row correctly: the bootstrap draws rows."""
    texts = [found[arm, seed]["right"] for seed in seeds]
    return [statistics.mean(int(text[place]) for text in texts) for place in range(len(texts[0]))]


def _fates(results: Sequence[dict[str, Any]]) -> list[str]:
    total: Counter[str] = Counter()
    for result in results:
        total.update(result.get("fates", {}))
    what = sorted({key.partition(": ")[2] for key in total})
    if not what:
        return []
    lines = ["| planted | " + " | ".join(what) + " |", "|---" * (len(what) + 1) + "|"]
    return [
        *lines,
        *(
            f"| {defect} | " + " | ".join(str(total[f"{defect}: {w}"]) for w in what) + " |"
            for defect in (*DEFECTS, "none")
        ),
    ]


def _of_the_judge(results: Sequence[dict[str, Any]]) -> list[str]:
    """Whether the judge scores wrong labels lower than sound rows, per seed; 0.5 is chance."""
    lines = []
    for result in results:
        wrong, sound = (result.get("scores", {}).get(kind, []) for kind in ("wrong label", "none"))
        if wrong and sound:
            lower = sum((w < s) + (w == s) / 2 for w in wrong for s in sound) / (len(wrong) * len(sound))
            lines.append(
                f"Seed {result['seed']}: the judge gave wrong labels {min(wrong):.2f} to {max(wrong):.2f},"
                f" sound rows {min(sound):.2f} to {max(sound):.2f}; area under the curve {lower:.2f}."
            )
    return lines


def main() -> None:
    """Runs the missing trainings, and prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="for everything that is made")
    parser.add_argument("--model", type=Path, required=True, help="SmolLM2-135M-Instruct, see make_model.py")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--steps", type=int, default=75, help="of each training, whatever the rows")
    given = parser.parse_args()
    given.folder, given.model = given.folder.resolve(), given.model.resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    file = given.folder / "results.jsonl"
    for seed in given.seeds:
        for arm in given.arms:
            if any(r["arm"] == arm and r["seed"] == seed for r in _lines(file)):
                continue
            result = run_arm(arm, seed, given)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(result) + "\n")
            print(f"{arm} {seed}: {result['exact']}", file=sys.stderr, flush=True)
    print(report(_lines(file)))


def _lines(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    main()
