"""`synth init`: a folder that runs at once, on the embedded model or on the user's own server."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

import yaml

from synth.api import run_to_end, run_with_result
from synth.cli.console import print_json, print_text, say
from synth.cli.tables import row_line
from synth.errors import InputError
from synth.hints import command
from synth.llm.endpoint_models import served_models
from synth.llm.gguf import fetch_model
from synth.packaged import packaged
from synth.store import RunReader

# What stands in a template's `endpoint.yaml` for the user's own.
_MODEL, _URL = "model: MODEL\n", "base_url: URL\n"


def init_folder(folder: Path, template: str, endpoint: str | None, *, as_json: bool) -> int:
    """Copies the template, and fetches the model or writes the server's first one into the recipe."""
    source = _template(template, "endpoint.yaml" if endpoint else "recipe.yaml")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("is there already, and not empty.", where=str(folder), hint="Name a new folder.")
    model = run_to_end(served_models(endpoint))[0] if endpoint else None
    left_out = shutil.ignore_patterns("runs", "__pycache__", "endpoint.yaml")
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=left_out)
    recipe = folder / "recipe.yaml"
    if endpoint and model:
        recipe.write_text(_with_server(source / "endpoint.yaml", model, endpoint), encoding="utf-8")
        say(f"{model} at {endpoint} is the writer of {recipe}. Five rows of it:")
        rows = _five_rows(recipe)
    else:
        fetch_model(say)
        rows = []
    if as_json:
        print_json({"recipe": str(recipe), "model": model, "rows": rows})
    else:
        print_text(f"Made {os.path.relpath(folder)}. Next:  {command('run', recipe)}")
    return 0


def _template(name: str, needed: str) -> Path:
    templates = sorted(p.parent.name for p in packaged("examples").glob(f"*/{needed}"))
    if name not in templates:
        hint = f"One of: {', '.join(templates)}."
        raise InputError(f"there is no template {name!r} with a {needed}.", where="--template", hint=hint)
    return packaged("examples") / name


def _with_server(template: Path, model: str, endpoint: str) -> str:
    text = template.read_text(encoding="utf-8")
    text = text.replace(_MODEL, f"model: {_yaml(model)}\n")
    return text.replace(_URL, f"base_url: {_yaml(endpoint)}\n")


def _yaml(text: str) -> str:
    """A scalar in double quotes and one line. YAML's own writer knows which characters need an escape."""
    return yaml.safe_dump(text, default_style='"', width=math.inf).rstrip("\n")


def _five_rows(recipe: Path) -> list[dict[str, object]]:
    """Real drafts with what the judge says of them, in a run of their own that stays out of the real one."""
    out = recipe.parent / "runs" / "first-look"
    result = run_with_result(recipe, out, limit=5)
    if result.error is not None:
        raise result.error
    reader = RunReader(out)
    drafts = (row for row in reader.rows() if row["lineage"]["stage"])
    rows = [row for row in drafts if row["stage"] != row["lineage"]["stage"]]
    reader.close()
    for row in rows:
        say("  " + row_line(row))
    return rows
