"""Pins the rows that a stage makes from fixed replies to its version.

If a digest differs, finished runs hold other rows than this version would make of their replies. Raise the
`version` of the stage then, and add the new digest under it: such runs are replayed once, and ask nothing.
`python -m tests.stages.test_versions` prints today's digests.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

import synth.pipeline.run
from synth.api import run_with_result
from synth.redaction.stand_ins import STAND_IN
from synth.stages.registry import STAGES
from synth.store import RunReader
from tests.fuzz.shaken import Shaker

QUESTIONS = {"mode": "questions", "min_chars": 100, "max_chars": 300, "context": {"distractors": 2}}
FRENCH = {"styles": [], "languages": ["French"]}
GENERATE = {"generate": {"count": 6}}
SCORE = {"score": {"keep": ">= 3"}}

# For each kind of stage, recipes that have it.
CASES: dict[str, list[list[Any]]] = {
    "apply": [[{"apply": {"function": "mine.py:shorten"}}]],
    "backtranslate": [
        [{"backtranslate": {"tags": {}, "rewrite": True, "keep": 3}}],
        [{"backtranslate": QUESTIONS}],
    ],
    "check": [[{"check": {"function": "mine.py:passes"}}], ["respond", {"check": {"json": "schema.json"}}]],
    "dedupe": [
        [GENERATE, {"dedupe": {"threshold": 0.3, "on": on}}] for on in ("prompt", "answer", "both", "meaning")
    ],
    "evolve": [[{"evolve": {"variants": 3}}], [{"evolve": {"operations": ["breadth"], "ask_judge": False}}]],
    "generate": [
        [GENERATE],
        [{"generate": {"count": 9, "shots": 3, "novelty": 0.3, "max_words": 12}}],
        [{"generate": {"count": 9, "answers": False, "vary": {"register": ["terse", "upset"]}}}, "respond"],
        [{"generate": {"count": 4, "context": "documents", "facts": "rooms.md"}}],
    ],
    "paraphrase": [[{"paraphrase": {"variants": 3}}], [{"paraphrase": FRENCH}]],
    "redact": [["redact"]],
    "respond": [
        [{"respond": {"turns": 2, "system": "Be brief."}}],
        [{"respond": {"n": 3, "temperatures": [0.2, 0.9], "systems": ["Be brief.", "Be kind."]}}],
        [{"respond": {"regenerate": True}}],
        [{"respond": {"grounded": {"min_chars": 100, "max_chars": 300}}}],
        [{"respond": {"grounded": {"min_chars": 100, "max_chars": 300, "in_prompt": False}}}],
    ],
    "score": [
        [SCORE],
        [{"respond": {"n": 3}}, {"score": {"score_from": "text"}}],
        [{"respond": {"n": 3}}, {"score": {"listwise": True, "swap": True, "keep": ">= 3"}}],
    ],
    "standardise": [[GENERATE, "standardise"]],
    "target_failures": [
        [{"target_failures": {"each": 2}}],
        [{"target_failures": {"context": "documents"}}],
    ],
    "topics": [
        [{"topics": {"batch_size": 2}}, GENERATE],
        [{"topics": {"taxonomy": ["a", "b"]}}, GENERATE],
        [{"topics": {"taxonomy": ["a", "b"], "weights": "prompts.jsonl"}}, GENERATE],
    ],
}  # fmt: skip

# By kind, the digest of each version. A line stays as it is once it has been released.
PINNED: dict[str, dict[int, str]] = {
    "apply": {1: "820c4349545641bf"},
    "backtranslate": {2: "22ad823cbe70d1b8"},
    "check": {1: "00d6fcbfb9f682b8"},
    "dedupe": {1: "0b626ae2b7a5c489"},
    "evolve": {2: "cb72b82291aeaa63"},
    "generate": {2: "5431bb5b8fa024e5"},
    "paraphrase": {2: "6bec3f8c11cb474a"},
    "redact": {1: "772bf5daa0c91359"},
    "respond": {2: "d36567e76fd55784"},
    "score": {2: "02187770e0360e4b"},
    "standardise": {2: "a0fdd0cf26baf162"},
    "target_failures": {2: "63e86c723e758005"},
    "topics": {2: "ce132c83ab177e34"},
}


def write_sources(folder: Path) -> None:
    asked = [f"How do I  book room {n} for {n + 2}, mail a{n}@example.org?" for n in range(6)]
    seeds = [{"instruction": words, "response": f"Pick {n}."} for n, words in enumerate(asked)]
    prompts = [{"instruction": f"Which of the {n + 3} rooms has a screen?"} for n in range(4)]
    failures = [
        {"instruction": f"Is room {n} free?", "response": "Maybe.", "expected": "Yes." if n else None}
        for n in range(3)
    ]  # fmt: skip
    for name, rows in (("seeds", seeds), ("prompts", prompts), ("failures", failures)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in ("rooms", "desks", "keys"):
        sentences = [
            f"The {name} on floor {n} are cleaned at {n + 6} o'clock by the evening shift." for n in range(12)
        ]
        (folder / f"{name}.md").write_text(f"# All {name}\n\n{' '.join(sentences)}\n")
    (folder / "mine.py").write_text(
        "def shorten(row):\n    last = row['messages'][-1]\n    last['content'] = last['content'][:6]\n"
        "    return row\n\n"
        "def passes(row):\n    return len(row['answer']) % 2 == 0 or 'it is odd'\n"
    )
    (folder / "schema.json").write_text('{"type": "object"}')


def digest(kind: str, folder: Path) -> str:
    """Of the rows and reports of every case of this kind."""
    write_sources(folder)
    parts: list[Any] = []
    for number, stages in enumerate(CASES[kind]):
        recipe = {
            "name": "pinned",
            "models": {"writer": {"provider": "fake"}, "judge": {"provider": "fake", "model": "judge"}},
            "sources": {"seeds": "seeds.jsonl", "prompts": "prompts.jsonl", "documents": "*.md"}
            | {"failures": "failures.jsonl"},
            "stages": [*stages, *([] if "respond" in str(stages) else [{"respond": {}}])],
        }
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        out = folder / f"run{number}"
        result = run_with_result(folder / "recipe.yaml", out)
        assert result.error is None
        reader = RunReader(out)
        rows = [row.to_json() for row in reader.rows()]
        if kind == "redact":  # stand-ins depend on the run's key, and ids on them
            rows = [{"messages": STAND_IN.sub("stand-in", str(row["messages"]))} for row in rows]
        parts += [rows, reader.notes["stages"]]
        reader.close()
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


@pytest.mark.parametrize("kind", STAGES.names)
def test_what_a_stage_makes_is_what_its_version_made(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synth.pipeline.run.build_clients", Shaker().clients)
    version = STAGES.find(kind).load().version
    assert PINNED[kind].get(version) == digest(kind, tmp_path), f"{kind} makes other rows: raise its version"


def test_a_raised_version_replays_a_finished_run_and_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sources(tmp_path)
    recipe = {
        "name": "raised",
        "models": {"writer": {"provider": "fake"}},
        "sources": {"seeds": "seeds.jsonl"},
        "stages": [GENERATE],
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    asked = run_with_result(tmp_path / "recipe.yaml", tmp_path / "run").summary["requests"]
    for version, reused in ((2, 0), (3, asked), (3, 0)):
        monkeypatch.setattr(STAGES.find("generate").load(), "version", version)
        summary = run_with_result(tmp_path / "recipe.yaml", tmp_path / "run").summary
        assert (summary["requests"], summary["reused"]) == (0, reused)


if __name__ == "__main__":
    synth.pipeline.run.build_clients = Shaker().clients
    for name in STAGES.names:
        with tempfile.TemporaryDirectory() as scratch:
            print(
                f'    "{name}": {{{STAGES.find(name).load().version}: "{digest(name, Path(scratch))}"}},',
                file=sys.stdout,
            )
