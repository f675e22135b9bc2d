"""Random recipes with their sources, each from one number: every stage, many options, random edits.

`python tests/fuzz/random_recipes.py SEED FOLDER` writes recipe SEED and its edit, to look at.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import yaml

from synth.llm.fake import phrases

Options = dict[str, Any]

# What a stage is chosen by; makers and stages that ask come more often.
WEIGHTS = {
    "generate": 4,
    "paraphrase": 4,
    "respond": 4,
    "score": 3,
    "evolve": 2,
    "backtranslate": 2,
    "target_failures": 2,
    "dedupe": 2,
    "standardise": 2,
    "check": 1,
    "apply": 1,
}

MINE = """
def shorten(row, words=30):
    text = row["messages"][-1]["content"]
    if len(text) % 11 == 0:
        return "its length is a multiple of 11"
    if row["messages"][-1]["role"] == "assistant" and len(text.split()) > words:
        row["messages"][-1]["content"] = " ".join(text.split()[:words])
        row["labels"]["shortened"] = True
        return row

def passes(row):
    return len(row["answer"]) % 7 != 0 or "a multiple of 7"
"""

RUBRIC = """---
name: mine
version: {version}
inputs: [conversation, response]
output: {{type: object, properties: {{score: {{type: integer, minimum: 1, maximum: 5}}}}, required: [score]}}
source: Made up for a test.
---
Rate the answer from 1 to 5. Version {version}.

{{{{ conversation }}}}

{{{{ response }}}}

Score (1 to 5):
"""


@dataclass
class Case:
    """A recipe and the files beside it."""

    recipe: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return yaml.safe_dump(self.recipe, sort_keys=False)

    def write(self, folder: Path, name: str = "recipe.yaml") -> Path:
        """Writes all files; returns the recipe's."""
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in self.files.items():
            (folder / file).write_text(text, encoding="utf-8")
        (folder / name).write_text(self.text)
        return folder / name


def random_case(seed: int) -> Case:
    """Recipe number `seed`."""
    rng = Random(f"recipe {seed}")
    case = Case({"name": "fuzz", "seed": rng.randrange(5), "models": _models(rng)})
    recipe = case.recipe
    recipe["sources"] = sources = _sources(rng, case.files)
    if rng.random() < 0.4:
        of_seeds = "seeds" in sources and rng.random() < 0.7
        recipe["holdout"] = {"rows": rng.randint(1, 3)} if of_seeds else "holdout.jsonl"
        if not of_seeds:
            case.files["holdout.jsonl"] = _lines(_seed(Random(f"{seed} held {i}")) for i in range(3))
    case.files["mine.py"] = MINE
    case.files["mine.md"] = RUBRIC.format(version=1)
    recipe["stages"] = _stages(rng, recipe, sources)
    recipe["window"] = rng.choice([1, 2, 4, 16, 256])
    makers = {"generate", "paraphrase", "evolve", "target_failures"} & {kind_of(s) for s in recipe["stages"]}
    if makers and rng.random() < 0.3:
        recipe["target"] = rng.randint(2, 12)
    recipe["export"] = {
        "format": "trl-sft",
        "on_unsupported": "withhold",
        "pairs": {"per_prompt": "all", "margin": 0.1},
    }
    return case


def kind_of(stage: dict[str, Any]) -> str:
    return next(iter(stage))


# --- sources -------------------------------------------------------------------------------------------


def _sources(rng: Random, files: dict[str, str]) -> dict[str, Any]:
    """At least one of the four."""
    kinds = [kind for kind, share in SHARES.items() if rng.random() < share]
    sources: dict[str, Any] = {}
    for kind in kinds or ["seeds"]:
        files[f"{kind}.jsonl" if kind != "documents" else "a.md"] = _SOURCES[kind](rng)
        sources[kind] = f"{kind}.jsonl" if kind != "documents" else "*.md"
    if "documents" in sources:
        sources["documents"] = "[a-b].md"
        files["b.md"] = _document(rng)
    if "seeds" in sources and rng.random() < 0.2:
        files["more.jsonl"] = _lines(_seed(rng) for _ in range(4))
        sources["seeds"] = ["seeds.jsonl", {"path": "more.jsonl", "weight": rng.choice([0.5, 3.0])}]
    return sources


SHARES = {"seeds": 0.85, "prompts": 0.5, "documents": 0.35, "failures": 0.3}


def _seeds(rng: Random) -> str:
    seeds = [_seed(rng) for _ in range(rng.randint(4, 14))]
    if rng.random() < 0.3:
        seeds.append(seeds[0])
    return _lines(seeds)


def _seed(rng: Random) -> Options:
    request, answer = phrases.instruction(rng), phrases.paragraph(rng, 1, 2)
    if rng.random() < 0.1:
        answer = f"Sure, here it is:\n\n{answer} "
    if rng.random() < 0.1:
        request += f" Write to ann{rng.randrange(9)}@example.com."
    match rng.randrange(6):
        case 0:
            system = {"role": "system", "content": rng.choice(["Be brief.", "You help at a desk."])}
            return {"messages": [system, *_exchange(request, answer)]}
        case 1:
            return {
                "messages": _exchange(request, answer) + _exchange(phrases.instruction(rng), "As before.")
            }
        case 2:
            return {"instruction": request, "input": phrases.sentence(rng), "response": answer}
        case _:
            return {"instruction": request, "response": answer}


def _exchange(request: str, answer: str) -> list[Options]:
    return [{"role": "user", "content": request}, {"role": "assistant", "content": answer}]


def _prompts(rng: Random) -> str:
    lines = [{"instruction": phrases.instruction(rng)} for _ in range(rng.randint(2, 10))]
    return _lines([*lines, {"messages": [{"role": "user", "content": phrases.instruction(rng)}]}, lines[0]])


def _failures(rng: Random) -> str:
    lines = []
    for _ in range(rng.randint(1, 4)):
        failure = {"instruction": phrases.instruction(rng), "response": phrases.sentence(rng)}
        if rng.random() < 0.5:
            failure["problem"] = rng.choice(["It is rude.", "It invents a price."])
        if rng.random() < 0.5:
            failure["expected"] = phrases.paragraph(rng, 1, 2)
        lines.append(failure)
    return _lines(lines)


def _document(rng: Random) -> str:
    parts = [f"## {phrases.phrase(rng).capitalize()}\n\n{phrases.paragraph(rng, 4, 6)}" for _ in range(3)]
    return "\n\n".join(parts) + "\n"


_SOURCES: dict[str, Callable[[Random], str]] = {
    "seeds": _seeds,
    "prompts": _prompts,
    "documents": _document,
    "failures": _failures,
}


def _lines(values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


# --- models and stages ---------------------------------------------------------------------------------


def _models(rng: Random) -> dict[str, Options]:
    names = ["writer", *(name for name in ("judge", "other") if rng.random() < 0.7)]
    return {name: _model(rng, name) for name in names}


def _model(rng: Random, name: str) -> Options:
    model: Options = {"provider": "fake", "model": name}
    if rng.random() < 0.3:
        model["sampling"] = {
            "temperature": rng.choice([0.0, 0.5]),
            "max_tokens": rng.choice([50, 400]),
        }
    if rng.random() < 0.4:
        model |= {kind: rng.choice([0.0, 0.05, 0.2]) for kind in ("fail", "cut", "broken")}
    return model


def _stages(rng: Random, recipe: dict[str, Any], sources: Options) -> list[dict[str, Any]]:
    stages: list[dict[str, Any]] = []
    needs = {"generate": "seeds", "backtranslate": "documents", "target_failures": "failures"}
    kinds = {kind: weight for kind, weight in WEIGHTS.items() if needs.get(kind, "seeds") in sources}
    if "seeds" not in sources:
        # Nothing needs seeds but `generate`; what makes rows of documents or failures has to be there.
        kinds = {kind: WEIGHTS[kind] * (3 if kind in needs else 1) for kind in WEIGHTS}
        kinds = {kind: weight for kind, weight in kinds.items() if needs.get(kind) in (None, *sources)}
    for _ in range(rng.randint(1, 6)):
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        if kind == "generate" and rng.random() < 0.25:
            _add(stages, rng, "topics", recipe)
        _add(stages, rng, kind, recipe)
        if "n" in stages[-1][kind] and rng.random() < 0.7:
            _add(stages, rng, "score", recipe)  # what preference pairs are made of
    if "prompts" in sources and "respond" not in map(kind_of, stages):
        _add(stages, rng, "respond", recipe, at=rng.randint(0, len(stages)))
    if rng.random() < 0.15:
        stages.insert(0, {"redact": {}})
    return stages


def _add(
    stages: list[dict[str, Any]], rng: Random, kind: str, recipe: dict[str, Any], at: int | None = None
) -> None:
    at = len(stages) if at is None else at
    names = [name_of(stage) for stage in stages[:at]]
    options = _OPTIONS[kind](rng, recipe, names)
    taken = {name_of(stage) for stage in stages}
    if kind in taken:
        options["as"] = next(name for n in range(2, 99) if (name := f"{kind}{n}") not in taken)
    stages.insert(at, {kind: options})


def name_of(stage: dict[str, Any]) -> str:
    kind, options = next(iter(stage.items()))
    return str(options.get("as", kind))


def _some(rng: Random, **options: Any) -> Options:
    """Each of these options half the time."""
    return {key: value for key, value in options.items() if rng.random() < 0.5}


def _asking(rng: Random, recipe: dict[str, Any]) -> Options:
    options: Options = {}
    if rng.random() < 0.3:
        options["model"] = rng.choice(list(recipe["models"]))
    if rng.random() < 0.3:
        options["attempts"] = rng.randint(1, 3)
    if rng.random() < 0.2:
        options["sampling"] = {
            "temperature": rng.choice([0.0, 0.7]),
            "max_tokens": rng.choice([60, 200]),
        }
    return options


def _drawing(rng: Random, recipe: dict[str, Any], names: list[str]) -> Options:
    options = _asking(rng, recipe) | _some(rng, variants=rng.randint(1, 3), count=rng.randint(1, 8))
    if rng.random() < 0.3:
        options["from"] = rng.sample(["seeds", "prompts", *names], rng.randint(1, 2))
    options["ask_judge"] = rng.random() < 0.6
    if rng.random() < 0.2:
        options["judge"] = rng.choice(list(recipe["models"]))
    return options


def _generate(rng: Random, recipe: dict[str, Any], names: list[str]) -> Options:
    some = _some(
        rng, shots=rng.randint(1, 5), shots_from_drafts=rng.randint(0, 3), novelty=rng.choice([0.4, 0.9])
    )
    return _asking(rng, recipe) | {"count": rng.randint(1, 12)} | some


def _topics(rng: Random, recipe: dict[str, Any], names: list[str]) -> Options:
    given = rng.choice([["Billing", "Travel"], {"Billing": ["Refunds", "Cards"], "Travel": []}])
    return _asking(rng, recipe) | _some(
        rng, taxonomy=given, batch_size=rng.randint(2, 9), topics=3, subtopics=2
    )


def _paraphrase(rng: Random, recipe: dict[str, Any], names: list[str]) -> Options:
    ways = rng.choice(
        [{}, {"styles": [], "languages": ["French"]}, {"styles": ["short"], "languages": ["German"]}]
    )
    return _drawing(rng, recipe, names) | ways | _some(rng, similarity=[0.0, 1.0])


def _evolve(rng: Random, recipe: dict[str, Any], names: list[str]) -> Options:
    operations = rng.sample(["constraints", "deepening", "concretizing", "reasoning", "breadth"], 2)
    return _drawing(rng, recipe, names) | _some(rng, operations=operations)


def _backtranslate(rng: Random, recipe: dict[str, Any], names: list[str]) -> Options:
    options = _asking(rng, recipe) | {"min_chars": 120, "max_chars": rng.choice([300, 700])}
    options |= _some(rng, count=rng.randint(1, 5))
    if rng.random() < 0.5:
        options |= {"mode": "questions", "questions": rng.randint(1, 3), "passages": rng.randint(1, 2)}
        if rng.random() < 0.4:
            options["context"] = {"distractors": 1, "absent": rng.choice([0.0, 0.5])}
    else:
        options |= {"keep": rng.choice([None, 2]), "rewrite": rng.random() < 0.3}
        options |= {"round_trip": rng.random() < 0.5} | _some(rng, tags={})
    return options


def _target_failures(rng: Random, recipe: dict[str, Any], names: list[str]) -> Options:
    some = _some(rng, each=rng.randint(1, 2), count=rng.randint(1, 6), min_similarity=rng.choice([0.1, 0.9]))
    return _asking(rng, recipe) | some | {"pairs": rng.random() < 0.7}


def _respond(rng: Random, recipe: dict[str, Any], names: list[str]) -> Options:
    options = _asking(rng, recipe) | _some(rng, system="Answer in one sentence.")
    match rng.randrange(7):
        case 0 | 1 | 5:
            options |= {"n": rng.randint(2, 4)} | _some(
                rng,
                models=rng.sample(list(recipe["models"]), rng.randint(1, len(recipe["models"]))),
                temperatures=[0.2, 0.9],
                systems=["Be kind.", "Be short."],
            )
        case 2:
            options |= {"turns": 2} | _some(rng, user=rng.choice(list(recipe["models"])))
        case 3 if "documents" in recipe["sources"]:
            options["grounded"] = {"min_chars": 120, "max_chars": 400, "in_prompt": rng.random() < 0.5}
            if options["grounded"]["in_prompt"]:
                options["grounded"]["not_in_context"] = rng.choice(["keep", "drop"])
        case 3:
            options["regenerate"] = True
    return options


def _score(rng: Random, recipe: dict[str, Any], names: list[str]) -> Options:
    options = _asking(rng, recipe) | _some(rng, keep=rng.choice([">= 2", ">= 3", "> 4"]))
    if rng.random() < 0.3:
        return options | {"listwise": True, "swap": rng.random() < 0.5}
    if rng.random() < 0.3:
        options["rubric"] = "mine.md"
    return options | _some(rng, score_from=rng.choice(["auto", "text"]), candidates=False, seeds=False)


_OPTIONS: dict[str, Callable[[Random, dict[str, Any], list[str]], Options]] = {
    "generate": _generate,
    "topics": _topics,
    "paraphrase": _paraphrase,
    "evolve": _evolve,
    "backtranslate": _backtranslate,
    "target_failures": _target_failures,
    "respond": _respond,
    "score": _score,
    "dedupe": lambda rng, recipe, names: _some(rng, on=rng.choice(["prompt", "both"]), threshold=0.6),
    "standardise": lambda rng, recipe, names: _some(rng, prefix="Note: "),
    "check": lambda rng, recipe, names: {"function": "mine.py:passes"},
    "apply": lambda rng, recipe, names: {"function": "mine.py:shorten"},
}


# --- edits ---------------------------------------------------------------------------------------------


def random_edit(case: Case, seed: int) -> Case:
    """The case with one to three changes."""
    rng = Random(f"edit {seed}")
    edited = copy.deepcopy(case)
    for _ in range(rng.randint(1, 3)):
        rng.choice(_EDITS)(rng, edited)
    return edited


def _change_a_stage(rng: Random, case: Case) -> None:
    """Draws a stage's options anew; it keeps its name."""
    stages = case.recipe["stages"]
    at = rng.randrange(len(stages))
    kind = kind_of(stages[at])
    if kind in _OPTIONS:
        names = [name_of(stage) for stage in stages[:at]]
        kept = {key: stages[at][kind][key] for key in ("as",) if key in stages[at][kind]}
        stages[at] = {kind: _OPTIONS[kind](rng, case.recipe, names) | kept}


def _change_a_number(rng: Random, case: Case) -> None:
    numbers = [
        (options, key)
        for stage in case.recipe["stages"]
        for options in stage.values()
        for key in ("count", "variants", "n", "attempts", "each", "turns")
        if key in options
    ]
    if numbers:
        options, key = rng.choice(numbers)
        options[key] = max(1 if key != "n" else 2, options[key] + rng.choice([-1, 1, 4]))


def _add_a_stage(rng: Random, case: Case) -> None:
    kind = rng.choice(["dedupe", "standardise", "score", "apply"])
    stages = case.recipe["stages"]
    first = 1 if kind_of(stages[0]) == "redact" else 0
    _add(stages, rng, kind, case.recipe, at=rng.randint(first, len(stages)))


def _remove_a_stage(rng: Random, case: Case) -> None:
    stages = case.recipe["stages"]
    spare = [
        s for s in stages if kind_of(s) in ("dedupe", "standardise", "score", "apply", "check", "evolve")
    ]
    if len(stages) > 1 and spare:
        stages.remove(rng.choice(spare))


def _change_the_seeds(rng: Random, case: Case) -> None:
    if "seeds.jsonl" in case.files:
        lines = case.files["seeds.jsonl"].splitlines(keepends=True)
        if rng.random() < 0.5 and len(lines) > 6:
            lines.pop(rng.randrange(len(lines)))
        else:
            lines.insert(rng.randrange(len(lines)), _lines([_seed(rng)]))
        case.files["seeds.jsonl"] = "".join(lines)


def _change_the_whole(rng: Random, case: Case) -> None:
    match rng.randrange(5):
        case 0:
            case.recipe["window"] = rng.choice([1, 3, 64])
        case 1:
            case.recipe["seed"] += 1
        case 2:
            case.files["mine.md"] = RUBRIC.format(version=2)
        case 3 if "target" in case.recipe:
            case.recipe["target"] = max(1, case.recipe["target"] + rng.choice([-2, 1, 3]))
        case _:
            model = rng.choice(list(case.recipe["models"].values()))
            model["sampling"] = {"max_tokens": rng.choice([8, 30, 500])}


_EDITS = (
    _change_a_stage,
    _change_a_number,
    _change_a_number,
    _add_a_stage,
    _remove_a_stage,
    _change_the_seeds,
    _change_the_whole,
)


if __name__ == "__main__":
    number, folder = int(sys.argv[1]), Path(sys.argv[2])
    written = random_case(number)
    random_edit(written, number).write(folder / "edited")
    print(written.write(folder))
