"""Renders every packaged prompt as a real run sends it, for docs/prompts.md.

Small recipes run on the fake model over the rows and documents of `examples/support`. The page shows the
longest messages that each prompt renders.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from synth.api import run_with_result
from synth.llm.base import Json
from synth.packaged import packaged
from synth.prompts import Prompt, read_prompt

EXAMPLE = Path(__file__).parents[1] / "examples/support"

SOURCES = {
    "seeds": "seeds.jsonl",
    "documents": "documents/*.md",
    "failures": "failures.jsonl",
}
MODELS = {"writer": {"provider": "fake"}, "judge": {"provider": "fake", "model": "judge"}}

# Together, these stages send every prompt.
RECIPES: list[list[Any]] = [
    [
        {"topics": {"weights": "seeds"}},
        {"generate": {"answers": False, "context": "documents"}},
        {"respond": {"turns": 2}},
    ],
    ["generate", "paraphrase", "evolve", "score"],
    [{"evolve": {"context": "documents"}}],
    [{"backtranslate": {"rewrite": True}}],
    [{"backtranslate": {"mode": "questions", "context": {}}}],
    ["target_failures", {"respond": {"grounded": {}}}],
    [{"respond": {"n": 2}}, {"score": {"listwise": True}}],
    [{"score": {"rubrics": ["correct", "complete", "grounded", "tone"]}}],
]


def rendered_prompts() -> str:
    """Each prompt with its source and its longest request, sorted by stage."""
    rendered = _longest_requests()
    prompts = packaged("prompts")
    files = sorted(prompts.glob("*/*.md"))
    read = [read_prompt(file, f"{file.parent.name}/{file.stem}") for file in files]
    return "\n" + "\n".join(_section(prompt, rendered.get(prompt.name, ())) for prompt in read)


def _longest_requests() -> Mapping[str, Sequence[Json]]:
    """The longest messages of each prompt, by its name. Others are probes, or leave parts out."""
    found: dict[str, Sequence[Json]] = {}
    render = Prompt.render

    def recorded(prompt: Prompt, values: Mapping[str, Any]) -> list[Json]:
        messages = render(prompt, values)
        found[prompt.name] = max(found.get(prompt.name, ()), messages, key=_length)
        return messages

    with tempfile.TemporaryDirectory() as name, patch.object(Prompt, "render", recorded):
        folder = Path(name) / "support"
        shutil.copytree(EXAMPLE, folder)
        for number, stages in enumerate(RECIPES):
            recipe = {
                "name": f"run-{number}",
                "seed": 7,
                "models": MODELS,
                "sources": SOURCES | ({"prompts": "prompts.jsonl"} if _answers(stages) else {}),
                "stages": stages,
            }
            file = folder / f"recipe-{number}.yaml"
            file.write_text(yaml.safe_dump(recipe, sort_keys=False))
            run_with_result(file, limit=None if "target_failures" in stages else 4)
    return found


def _length(messages: Sequence[Json]) -> int:
    return sum(len(message["content"]) for message in messages)


def _answers(stages: Sequence[Any]) -> bool:
    return any("respond" in stage for stage in stages)


def _section(prompt: Prompt, messages: Sequence[Json]) -> str:
    source = " ".join(prompt.source.split())
    shown = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
    return f"### `{prompt.label}`\n\n{source}\n\n~~~~text\n{shown}\n~~~~\n"
