"""Five hundred mutated recipes and seed files: each run ends in time, and never with an unexpected error."""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from synth.api import run_with_result
from synth.errors import SynthError, UnreachableError

_CASES = 500
# Seconds for one run, also on a machine with other work; most take less than a tenth.
_MOST_SECONDS = 30.0

RECIPE: dict[str, Any] = {
    "version": 1,
    "name": "desk",
    "seed": 3,
    "models": {
        "writer": {"provider": "fake", "sampling": {"temperature": 0.7, "max_tokens": 64}},
        "judge": {"provider": "fake", "model": "judge", "price": {"prompt": 0.1, "completion": 0.4}},
    },
    "sources": {
        "seeds": [{"path": "seeds.jsonl", "weight": 2.0, "bad": "stop"}, "more.csv"],
        "documents": "docs/*.md",
        "prompts": {"path": "prompts.jsonl", "fields": {"instruction": "question"}},
        "failures": "failures.jsonl",
    },
    "holdout": {"rows": 2},
    "stages": [
        {"generate": {"count": 2, "shots": 2, "novelty": 0.7, "keywords": ["image"], "attempts": 2}},
        {"backtranslate": {"count": 1, "keep": 1.0, "min_chars": 100, "max_chars": 1000, "prompt": "own.md"}},
        {"target_failures": {"count": 1}},
        {"paraphrase": {"variants": 1, "styles": ["formal"], "similarity": [0.4, 0.98]}},
        {"respond": {"n": 2, "temperatures": [0.1, 0.9], "system": "Be brief."}},
        {"standardise": {}},
        {"check": {"json": "schema.json", "as": "is_json"}},
        {"dedupe": {}},
        {"score": {"rubric": "quality", "keep": ">= 2"}},
    ],
    "budget": {"requests": 500, "tokens": 1000000, "usd": 5.0},
    "window": 8,
    "review": {"task": "edit", "rows": 5, "annotators": 2, "overlap": 0.2, "sample": {"random": 1.0}},
    "export": {"format": "trl-sft", "split": {"train": 0.9, "test": 0.1}, "pairs": {"margin": 0.5}},
}
ROW = {
    "id": 1,
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How do I close my account number {}?"},
        {"role": "assistant", "content": "Open Settings and choose Close, reference {}."},
    ],
    "tools": [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}],
}
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 10**40, 0.5, -0.5, 1e308, 1e-308),
    *("", " ", "x", "x" * 3000, "writer", "seeds", ">= 3", "1e400", "nan", "schema.json", "2026-01-01"),
    *("../..", "/", "/dev/null", "hf:../x", "*.jsonl", "**", "a[b", "~", "#", "?", "%41", "\\"),
    *("é\u202e\x85", "{{ x }}", [], {}, [[]], [None], [{}], {"": ""}, {"a": {"b": ["c"]}}, ["x"] * 50),
    *({"path": "seeds.jsonl"}, {"run": "runs/desk"}, {"provider": "fake"}),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something can be changed, by its keys."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inside:
        yield (*path, key)
        yield from places(below, (*path, key))


def mutated(data: Any, chance: random.Random) -> Any:
    """One to three keys or items replaced, removed, renamed, doubled or moved."""
    data = copy.deepcopy(data)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        path = chance.choice(list(places(data)))
        holder = data
        for step in path[:-1]:
            holder = holder[step]
        key = path[-1]
        match chance.randrange(6):
            case 0 | 1 | 2:
                holder[key] = copy.deepcopy(chance.choice(ODD))
            case 3:
                del holder[key]
            case 4 if isinstance(holder, dict):
                holder[f"{key}"[:-1] + chance.choice("sx_ ")] = holder.pop(key)
            case 4:
                holder.append(copy.deepcopy(holder[key]))
            case _:
                other = chance.choice(list(places(data)))
                found = data
                for step in other:
                    found = found[step]
                holder[key] = copy.deepcopy(found)
        if not list(places(data)):
            break
    return data


def scratched(text: bytes, chance: random.Random) -> bytes:
    """Bytes removed, added, changed, doubled, or the end cut off."""
    data = bytearray(text)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                del data[at : at + chance.choice([1, 1, 5, 50])]
            case 1:
                data[at:at] = chance.choice(
                    [b":", b"-", b"{", b"]", b'"', b"&a ", b"*a", b"\n", b"\t", b"\0", b"!!"]
                )
            case 2:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 3:
                data[at:at] = data[at : at + chance.randrange(200)]
            case _:
                del data[at:]
        if not data:
            break
    return bytes(data)


def lines(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def rows() -> list[Any]:
    return [
        json.loads(json.dumps(ROW).replace("{}", str(n)).replace('"id": 1', f'"id": {n}')) for n in range(6)
    ]


def made(recipe: Any) -> dict[str, bytes]:
    """The files of a good recipe."""
    question = {"question": "Why is my invoice empty?"}
    failure = {"instruction": "Where is it?", "response": "No.", "problem": "rude"}
    prompt = (
        "---\nname: own\nversion: 1\ninputs: [text]\noutput: text\nsource: me\n---\n"
        "# user\nWrite a question about this:\n{% for line in text.splitlines() %}{{ line }}{% endfor %}\n"
    )
    return {
        "recipe.yaml": yaml.safe_dump(recipe, sort_keys=False).encode(),
        "seeds.jsonl": lines(rows()),
        "more.csv": b'instruction,response\nWhat is due?,Nothing at all.\n"Who, me?","Yes, you."\n',
        "prompts.jsonl": lines([question]),
        "failures.jsonl": lines([failure, {**failure, "instruction": "Who?", "expected": "Ann."}]),
        "schema.json": b'{"type": ["object", "string"], "properties": {"a": {"pattern": "^a+$"}}}',
        "own.md": prompt.encode(),
        "docs/a.md": b"# Refunds\n" + b"A deposit is paid back within five days. " * 20,
    }


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def change(files: dict[str, bytes], recipe: Any, chance: random.Random) -> None:
    """Half of the changes are to the recipe, most others to the seeds."""
    name = chance.choice(["recipe.yaml"] * 8 + ["seeds.jsonl"] * 4 + [*files])
    structured: dict[str, Callable[[], bytes]] = {
        "recipe.yaml": lambda: yaml.safe_dump(mutated(recipe, chance), sort_keys=False).encode(),
        "seeds.jsonl": lambda: lines(mutated(rows(), chance)),
        "schema.json": lambda: json.dumps(mutated(json.loads(files["schema.json"]), chance)).encode(),
    }
    if name in structured and chance.random() < 0.7:
        files[name] = structured[name]()
    else:
        files[name] = scratched(files[name], chance)


def case(folder: Path, number: int) -> tuple[int, str]:
    """The exit code that `synth run` would end with, and what it would say."""
    chance = random.Random(f"mutated {number}")
    # Prompts want answers, and every stage takes its time.
    some = chance.sample(RECIPE["stages"], 2)
    stages = [stage for stage in RECIPE["stages"] if stage in some or "respond" in stage]
    recipe = {**RECIPE, "stages": stages} if number else RECIPE
    files = made(recipe)
    if number:
        change(files, recipe, chance)
    write(folder, files)
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        try:
            result = run_with_result(folder / "recipe.yaml", folder / "out", limit=2)
        except SynthError as error:
            return error.exit_code, str(error)
        except Exception as bug:  # noqa: BLE001 - what the command calls a bug
            return 70, repr(bug)
    return result.exit_code, str(result.error)


def no_model(*_: object) -> Path:
    raise UnreachableError("no model here")


@pytest.mark.timeout(1200)
def test_input_that_is_not_quite_right_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A recipe that has lost its `provider` would be answered by the embedded model, for minutes.
    monkeypatch.setattr("synth.llm.embedded.client.find_model", no_model)
    codes: dict[int, int] = {}
    bad = []
    for number in range(_CASES):
        (tmp_path / str(number)).mkdir()
        started = time.monotonic()
        code, said = case(tmp_path / str(number), number)
        codes[code] = codes.get(code, 0) + 1
        late = time.monotonic() - started > _MOST_SECONDS
        if late or code not in (0, 1, 2, 3) or (number == 0 and code):
            bad.append((number, code, late, said[-300:]))
    assert not bad
    assert codes[2] > _CASES / 5, "most changes are mistakes"
    assert codes[0] > _CASES / 10, "and some are none"
