"""Copies an example into the user's folder, with the user's names and paths."""

from __future__ import annotations

import math
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

from synth.errors import InputError
from synth.packaged import packaged

_RECIPE = "recipe.yaml"
# The variant for the user's own server; it replaces the recipe.
_FOR_A_SERVER = "endpoint.yaml"
_PLACEHOLDER = "    model: MODEL\n    base_url: URL\n"
_EMBEDDED = re.compile(r"^  writer: \{provider: embedded\}.*\n", re.MULTILINE)
_TEXTS = (".md", ".yaml", ".py")
_NAME = re.compile(r"^name: (\S+)$", re.MULTILINE)
# `[words](../../docs/page.md)`, and other paths out of the example, as `../../.venvs`.
_LINK = re.compile(r"\[[^\]]*\]\(\.\./\.\./([^)]+)\)")
_OUTSIDE = re.compile(r"(?:\$PWD/)?\.\./\.\./")
_LISTED = re.compile(r"^\| `([\w./-]+)` \|.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Writer:
    """The model that becomes `models.writer`, and its server."""

    model: str
    base_url: str
    api_key_env: str | None

    def as_yaml(self) -> str:
        """The writer's block in a recipe."""
        keys = {"model": self.model, "base_url": self.base_url, "api_key_env": self.api_key_env}
        return "".join(f"    {key}: {_scalar(value)}\n" for key, value in keys.items() if value)


def find_template(name: str) -> Path:
    """The example with this name. Raises `InputError` if there is none."""
    examples = packaged("examples")
    names = sorted(recipe.parent.name for recipe in examples.glob(f"*/{_RECIPE}"))
    if name not in names:
        hint = f"One of: {', '.join(names)}."
        raise InputError(f"there is no template {name!r}.", where="--template", hint=hint)
    return examples / name


def copy_template(template: Path, folder: Path, writer: Writer | None) -> Path:
    """Copies the example into `folder`, with `writer` as its writer if given. Returns the recipe."""
    left_out = shutil.ignore_patterns("runs", "__pycache__", _FOR_A_SERVER)
    shutil.copytree(template, folder, dirs_exist_ok=True, ignore=left_out)
    recipe = folder / _RECIPE
    if writer:
        source = template / _FOR_A_SERVER
        text = (source if source.exists() else template / _RECIPE).read_text(encoding="utf-8")
        block = writer.as_yaml()
        text = _EMBEDDED.sub(lambda _: f"  writer:\n{block}", text.replace(_PLACEHOLDER, block))
        recipe.write_text(text, encoding="utf-8")
    renames = _new_names(folder, template.name)
    for file in sorted(folder.rglob("*")):
        if file.suffix in _TEXTS:
            text = file.read_text(encoding="utf-8")
            mine = _in_own_words(text, file, folder, template, renames)
            if mine != text:
                file.write_text(mine, encoding="utf-8")
    return recipe


def _new_names(folder: Path, template: str) -> dict[str, str]:
    """New names of recipes by old ones: the folder's name, for further recipes with a suffix."""
    own = folder.resolve().name
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", own).strip("._-")[:60] or template
    names = {file: _name_in(file) for file in sorted(folder.glob("*.yaml"))}
    first = names[folder / _RECIPE]
    return {
        old: slug if old == first else f"{slug}-{old.removeprefix(first + '-')}" for old in names.values()
    }


def _name_in(recipe: Path) -> str:
    found = _NAME.search(recipe.read_text(encoding="utf-8"))
    assert found, recipe
    return found[1]


def _in_own_words(text: str, file: Path, folder: Path, template: Path, renames: dict[str, str]) -> str:
    own = folder.resolve().name
    if file.suffix == ".yaml":
        text = _NAME.sub(lambda name: f"name: {renames.get(name[1], name[1])}", text)
    for old, new in renames.items():
        text = re.sub(rf"\bruns/{re.escape(old)}(?![\w.-])", f"runs/{new}", text)
    place = re.compile(rf"examples/{re.escape(template.name)}((?:/[\w.-]+)*)")
    text = place.sub(lambda path: shlex.quote(own + path[1]), text)
    text = _LINK.sub(r"`\1`", text)
    text = _OUTSIDE.sub(lambda _: f"{_repository()}/", text)
    if file == folder / "README.md":
        text = _LISTED.sub(lambda row: row[0] if (folder / row[1]).exists() else "", text)
        title, _, rest = text.partition("\n")
        made = (
            f"`synth init` made this folder from the example `{template.name}`.",
            f"Run the commands below in the folder that contains `{own}`.",
            "`docs/` is in the repository of synth.",
        )
        text = "\n".join((title, "", *made, rest))
    return text


def _repository() -> str:
    """The path of the repository, for commands that use other parts of it."""
    root = packaged("examples").parent
    return str(root) if (root / "Makefile").exists() else "PATH/OF/SYNTH"


def _scalar(text: str) -> str:
    """In double quotes, on one line. YAML's own writer escapes what needs it."""
    return yaml.safe_dump(text, default_style='"', width=math.inf).rstrip("\n")
