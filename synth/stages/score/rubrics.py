"""Reads rubrics: whole prompts, or descriptions of levels that share one prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from synth.errors import PromptError
from synth.llm.base import Json
from synth.prompts import Prompt
from synth.stages.context import Context
from synth.stages.score.options import ScoreOptions
from synth.stages.score.shown import SHOWN

# The prompt that descriptions of levels share.
FRAME = "rubrics"


@dataclass(frozen=True, slots=True)
class Rubrics:
    """The prompt of a judge, its inputs that are the same for all rows, and the label of each score's
    rubric.
    """

    prompt: Prompt
    constants: Mapping[str, Any]
    labels: Mapping[str, str]


def read_rubrics(options: ScoreOptions, context: Context) -> Rubrics:
    """The rubrics of the stage. Raises `PromptError` if a file is not a rubric."""
    if options.rubrics is None:
        prompt = context.prompt(options, options.rubric, SHOWN)
        if prompt.inputs:
            return Rubrics(prompt, {}, {"score": prompt.label})
        described = {options.names[0]: prompt}
        frame = context.other_prompt(FRAME, [*SHOWN, "rubrics"])
    else:
        files = zip(options.names, options.rubrics, strict=True)
        described = {name: context.other_prompt(named, SHOWN) for name, named in files}
        frame = context.prompt(options, FRAME, [*SHOWN, "rubrics"])
    rubrics = [{"name": name, "text": _described(prompt)} for name, prompt in described.items()]
    frame = replace(frame, schema=_schema(described))
    return Rubrics(frame, {"rubrics": rubrics}, {name: prompt.label for name, prompt in described.items()})


def _described(prompt: Prompt) -> str:
    if prompt.inputs:
        raise PromptError(
            f"uses {', '.join(sorted(prompt.inputs))}, but one of several `rubrics` only describes levels.",
            where=prompt.name,
            hint="Take out its inputs, or name it as the only `rubric`. prompts/score/correct.md is one.",
        )
    return "\n\n".join(message["content"] for message in prompt.render({}))


def _schema(described: Mapping[str, Prompt]) -> Json:
    """The schema of an object with one score for each rubric."""
    scores = {}
    for name, prompt in described.items():
        score = (prompt.schema or {}).get("properties", {}).get("score")
        if not isinstance(score, dict):
            raise PromptError("a rubric's `output` needs an integer `score`.", where=prompt.name)
        scores[name] = score
    return {
        "type": "object",
        "properties": scores,
        "required": list(scores),
        "additionalProperties": False,
    }
