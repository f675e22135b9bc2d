"""Prompts are files: front matter, then a Jinja body that cannot run code.

A body is one user message, or several messages, each under a line `# system`, `# user` or
`# assistant`. Declared inputs and used variables must be the same set: a missing or a surplus one is an
error before the first request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from synth.errors import PromptError
from synth.llm.base import Json
from synth.packaged import packaged
from synth.recipe.base import Strict
from synth.schema_validation import wrong_schema
from synth.small_files import read_small
from synth.suggestions import did_you_mean
from synth.templates import Part, TemplateFault, render, variables
from synth.yaml_data import YamlFault, load_yaml

_ROLE_LINE = re.compile(r"^# (system|user|assistant)[ \t]*$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


class FrontMatter(Strict):
    """The head of a prompt file."""

    name: str
    version: Annotated[int, Field(ge=1)]
    inputs: list[str]
    output: Literal["text"] | dict[str, Any] = "text"
    source: str


@dataclass(frozen=True)
class Prompt:
    """A prompt, ready to render. `schema` is the JSON schema of the reply, or None for plain text."""

    name: str
    version: int
    source: str
    inputs: frozenset[str]
    schema: Json | None
    text: str
    parts: tuple[Part, ...] = field(repr=False)
    trusted: bool = False

    @property
    def label(self) -> str:
        """The name in receipts: `generate/self_instruct@1`."""
        return f"{self.name}@{self.version}"

    def render(self, values: Mapping[str, Any]) -> list[Json]:
        """The messages, as `{"role", "content"}`. Raises `PromptError` if the template fails."""
        try:
            texts = render(self.parts, values, trusted=self.trusted)
        except TemplateFault as fault:
            line = f", line {fault.line}" if fault.line else ""
            raise PromptError(f"{fault.words}.", where=f"prompt {self.name}{line}") from None
        return [{"role": part.role, "content": text} for part, text in zip(self.parts, texts, strict=True)]

    def answers_with(self, *, within: str | None = None, **fields: str) -> Prompt:
        """Checks that the prompt's schema requires these fields with these JSON types. Returns the prompt.

        `within` names a list whose objects must have the fields. Raises `PromptError` if a field is optional.
        """
        schema = self.schema or {}
        lacking = sorted(_lacking(schema, {within: "array"} if within else fields))
        if within and not lacking:
            items = schema["properties"][within].get("items", {})
            lacking = [f"{within}.{name}" for name in sorted(_lacking(items, fields))]
        if lacking:
            wanted = ", ".join(f"`{name}` ({kind})" for name, kind in fields.items())
            place = f"objects in a required list `{within}`, which have" if within else "an object that has"
            raise PromptError(
                f"its `output` does not guarantee `{lacking[0]}`, which the stage reads from each reply.",
                where=self.name,
                hint=f"Use the JSON schema of {place}, all `required`: {wanted}.",
            )
        return self


def load_prompt(
    stage: str,
    named: str,
    folder: Path,
    inputs: frozenset[str],
    *,
    where: str | None = None,
    others: Path | None = None,
) -> Prompt:
    """Finds `named` and checks it against the `inputs` that the stage provides.

    `named` is a path to a `.md` file relative to the recipe's `folder`, or the name of
    `prompts/<stage>/<name>.md`, searched next to the recipe, then among the packaged prompts. `others` is the
    folder of prompts of a stage that comes from another package. `where` is the recipe's key, for errors.
    """
    file = _find(stage, named, folder, where, others)
    prompt = read_prompt(file, _label(file, stage))
    if unknown := prompt.inputs - inputs:
        raise PromptError(
            f"uses {_list(unknown)}, which the stage {stage!r} does not provide.",
            where=str(file),
            hint=f"It provides {_list(inputs)}.",
        )
    return prompt


def read_prompt(file: Path, name: str) -> Prompt:
    """Reads a prompt file and checks it on its own."""
    text = read_small(file, PromptError).replace("\r\n", "\n")
    head, body = _split(file, text)
    schema = head.output if isinstance(head.output, dict) else None
    if schema is not None and (wrong := wrong_schema(schema)):
        raise PromptError(f"output is not a JSON schema: {wrong}.", where=str(file))
    parts = _parts(text, body)
    trusted = file.resolve().is_relative_to(packaged("prompts").resolve())
    try:
        used = variables(parts, trusted=trusted)
    except TemplateFault as fault:
        line = f":{fault.line}" if fault.line else ""
        raise PromptError(f"{fault.words}.", where=f"{file}{line}") from None
    declared = frozenset(head.inputs)
    if used != declared:
        surplus, missing = declared - used, used - declared
        words = [f"uses {_list(missing)} without declaring it"] if missing else []
        words += [f"declares {_list(surplus)} without using it"] if surplus else []
        raise PromptError(
            f"{' and '.join(words)}.", where=str(file), hint="Correct `inputs` in its front matter."
        )
    return Prompt(name, head.version, head.source, declared, schema, text, parts, trusted)


def _find(stage: str, named: str, folder: Path, where: str | None, others: Path | None) -> Path:
    places = (folder / "prompts" / stage, others or packaged("prompts") / stage)
    in_places = [place / f"{named}.md" for place in places]
    candidates = [folder / named] if named.endswith(".md") else in_places
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    known = sorted({file.stem for place in places for file in place.glob("*.md")})
    raise PromptError(
        f"there is no prompt {named!r} for the stage {stage!r}.{did_you_mean(named, known)}",
        where=where or " or ".join(str(c) for c in candidates),
        hint=f"Name a .md file next to the recipe, or one of these: {', '.join(known)}.",
    )


def _label(file: Path, stage: str) -> str:
    return f"{stage}/{file.stem}"


def _split(file: Path, text: str) -> tuple[FrontMatter, str]:
    match = _FRONT_MATTER.match(text)
    if not match:
        raise PromptError(
            "has no front matter.", where=str(file), hint="Start the file with `---`, keys, `---`."
        )
    try:
        head = FrontMatter.model_validate(load_yaml(match[1]))
    except YamlFault as fault:
        # The first line of the file is the `---`.
        raise PromptError(f"its front matter: {fault.words}.", where=f"{file}:{fault.line + 1}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(step) for step in first["loc"]) or "front matter"
        raise PromptError(f"{key}: {first['msg']}.", where=str(file)) from None
    return head, text[match.end() :]


def _parts(text: str, body: str) -> tuple[Part, ...]:
    """The messages. Roles come from the file only, so a variable's text cannot add a message."""
    before = text.count("\n", 0, len(text) - len(body))
    roles = list(_ROLE_LINE.finditer(body))
    if not roles:
        return (_part("user", body, before),)
    ends = [role.start() for role in roles[1:]] + [len(body)]
    return tuple(
        _part(role[1], body[role.end() : end], before + body.count("\n", 0, role.end()))
        for role, end in zip(roles, ends, strict=True)
    )


def _part(role: str, text: str, before: int) -> Part:
    start = len(text) - len(text.lstrip("\n"))
    return Part(role, text.strip("\n"), before + start)


def _lacking(schema: Json, fields: Mapping[str, str]) -> list[str]:
    """The fields that are optional in an object of this schema, or can have another type."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return [
        name
        for name, kind in fields.items()
        if name not in required or properties.get(name, {}).get("type", kind) != kind
    ]


def _list(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
