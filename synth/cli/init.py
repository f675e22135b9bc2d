"""`synth init`: a folder that runs at once, with the embedded model or the user's own server."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from synth.api import run_to_end
from synth.cli.console import print_json, print_text, say
from synth.cli.copy_template import Writer, copy_template, find_template
from synth.cli.display import Display
from synth.cli.tables import row_line
from synth.cli.waiting import said_while_waiting
from synth.errors import InputError, UnreachableError
from synth.hints import command
from synth.llm.embedded.download import fetch_model
from synth.llm.openai_compatible import EndpointConfig
from synth.llm.openai_compatible.model_list import served_models
from synth.pipeline.progress import Progress
from synth.pipeline.run import run_recipe
from synth.recipe.api_keys import model_key
from synth.recipe.load import load_recipe
from synth.row import Row
from synth.store import RunReader

# Models of a server that a message lists.
_MODELS_NAMED = 8
# Seconds without a reply before a server counts as gone. Short, because a person waits.
_PATIENCE = 20


def init_folder(
    folder: Path,
    template: str,
    endpoint: str | None,
    model: str | None,
    key_env: str | None,
    *,
    as_json: bool,
) -> int:
    """Copies the template, then fetches the embedded model or drafts five rows on the user's server."""
    source = find_template(template)
    _require_endpoint(endpoint, model, key_env)
    with _made_or_gone(folder), _hint_for_a_key(key_env):
        if endpoint is None:
            recipe = copy_template(source, folder, None)
            fetch_model(say)
            rows: list[Row] = []
        else:
            writer = _writer(endpoint, model, key_env)
            recipe = copy_template(source, folder, writer)
            say(f"{writer.model} at {endpoint} is the writer of {recipe}. Five of its rows:")
            rows = _five_rows(recipe)
            model = writer.model
    if as_json:
        print_json({"recipe": str(recipe), "model": model, "rows": [row.to_json() for row in rows]})
    else:
        print_text(f"Made {os.path.relpath(folder)}. Next:  {command('run', folder)}")
    return 0


def _require_endpoint(endpoint: str | None, model: str | None, key_env: str | None) -> None:
    for option, value in (("--model", model), ("--api-key-env", key_env)):
        if value is not None and endpoint is None:
            raise InputError("needs --endpoint URL, the server that this option is for.", where=option)


@contextmanager
def _made_or_gone(folder: Path) -> Iterator[None]:
    """Restores `folder` (missing or empty, as it was) if the block fails."""
    there = folder.exists()
    if there and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("already exists and is not empty.", where=str(folder), hint="Name a new folder.")
    try:
        yield
    except BaseException:
        if there:
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
        raise


@contextmanager
def _hint_for_a_key(key_env: str | None) -> Iterator[None]:
    """Names the option if a server needs a key and none was given."""
    try:
        yield
    except UnreachableError as error:
        if key_env is None and re.search(r"\bkey\b", error.hint or ""):
            error.hint = "This server needs a key: --api-key-env VAR names the variable that holds it."
        raise


def _writer(url: str, model: str | None, key_env: str | None) -> Writer:
    """The named model of the server, or the first one it offers."""
    try:
        config = EndpointConfig.model_validate(
            {"model": model or "any", "base_url": url, "api_key_env": key_env}
        )
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        option = {"model": "--model", "api_key_env": "--api-key-env"}.get(str(wrong["loc"][0]), "--endpoint")
        raise InputError(f"{wrong['msg'].removeprefix('Value error, ')}.", where=option) from None
    key = model_key("writer", config)
    if model is not None:
        return Writer(model, url, key_env)
    with said_while_waiting(f"for {url} to list its models"):
        offered = run_to_end(served_models(url, key))
    if len(offered) > 1:
        more = f" and {len(offered) - _MODELS_NAMED} more" if len(offered) > _MODELS_NAMED else ""
        names = ", ".join(offered[:_MODELS_NAMED])
        say(f"{url} offers {names}{more}. Using the first one; choose another with --model NAME.")
    return Writer(offered[0], url, key_env)


def _five_rows(recipe: Path) -> list[Row]:
    """Real drafts with their scores, from a separate run that the real one does not use."""
    out = recipe.parent / "runs" / "first-look"
    progress = Progress()
    with Display(progress):
        first_look = load_recipe(recipe, [f"models.writer.give_up_after={_PATIENCE}"], limit=5)
        result = run_to_end(run_recipe(first_look, out, progress))
    if result.error is not None:
        if "synth show" in (result.error.hint or ""):  # the folder is about to be deleted
            result.error.hint = "Try another model with --model NAME, or another server."
        raise result.error
    reader = RunReader(out)
    drafts = (row for row in reader.rows() if row.lineage.stage)
    rows = [row for row in drafts if row.stage != row.lineage.stage]
    reader.close()
    for row in rows:
        say("  " + row_line(row))
    if not rows:
        say(f"No draft was usable. See why: {command('show', out)}")
    return rows
