"""`synth doctor`: is every part there, and what to type where one is not."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from synth.api import run_to_end
from synth.cli.console import print_json, print_line
from synth.cli.errors import error_words
from synth.errors import SynthError, UnreachableError
from synth.llm.base import Request, RequestFailed
from synth.llm.embedded.client import EmbeddedClient
from synth.llm.embedded.download import find_model
from synth.llm.openai_compatible.model_list import served_models
from synth.llm.vllm.fit import find_folder
from synth.llm.vllm.install import find_vllm
from synth.llm.vllm.plan import model_to_load
from synth.packaged import packaged
from synth.pipeline.build import api_key
from synth.recipe.load import load_recipe
from synth.recipe.model import EmbeddedModel, EndpointModel, ModelConfig, Recipe, VllmModel

_LEAST_DISK = 2**30
_WORD_TOKENS = 8


@dataclass(frozen=True)
class Finding:
    """One part: whether it is there, and the words for it."""

    part: str
    ok: bool
    words: str


def check_all(recipe: Path | None, *, as_json: bool) -> int:
    """Prints a line for every part; gives the exit code of the worst."""
    findings = [
        _try("packaged files", lambda: str(packaged("prompts").parent)),
        _try("disk", lambda: _disk(recipe.parent if recipe else Path.cwd())),
    ]
    if recipe is None:
        findings.append(_try("embedded model", lambda: _embedded(EmbeddedModel(), Path.cwd())))
    else:
        loaded = load_recipe(recipe)
        findings.append(Finding("recipe", True, _contents(loaded)))
        for name, config in loaded.models.items():
            findings += _model(name, config, loaded.folder)
    if as_json:
        print_json({"ok": all(f.ok for f in findings), "findings": [asdict(f) for f in findings]})
    else:
        for finding in findings:
            print_line(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.part}: {finding.words}")
    return 0 if all(finding.ok for finding in findings) else UnreachableError.exit_code


def _contents(recipe: Recipe) -> str:
    stages, models = len(recipe.stages), len(recipe.models)
    return f"{stages} stage{'s' * (stages != 1)}, {models} model{'s' * (models != 1)}"


def _model(name: str, config: ModelConfig, folder: Path) -> list[Finding]:
    part = f"models.{name}"
    if isinstance(config, EmbeddedModel):
        return [_try(part, lambda: _embedded(config, folder))]
    if isinstance(config, EndpointModel):
        return [_try(f"{part} at {url}", partial(_endpoint, name, config, url)) for url in config.base_urls]
    if isinstance(config, VllmModel):
        return [_try(part, lambda: _offline(config, folder))]
    return [Finding(part, True, "the fake model is always there")]


def _try(part: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(part, True, check())
    except SynthError as error:
        return Finding(part, False, error_words(error))


def _embedded(config: EmbeddedModel, folder: Path) -> str:
    """Loads the model and asks it for one word: a model that is only there may still not run on this CPU."""
    notes: list[str] = []
    client = EmbeddedClient(
        config.model, folder=folder, batch_invariant=config.batch_invariant, say=notes.append
    )
    started = time.monotonic()
    word = run_to_end(_one_word(client))
    seconds = time.monotonic() - started
    words = f"{find_model(config.model, folder)} loads and answers in {seconds:.0f} s: {word!r}"
    return ". ".join([words, *notes])


async def _one_word(client: EmbeddedClient) -> str:
    request = Request(
        [{"role": "user", "content": "Answer with one word: what colour is the sky?"}],
        client.model,
        _WORD_TOKENS,
        {"temperature": 0},
    )
    try:
        await client.open()
        return client.read(await client.ask(request)).text.strip()
    except RequestFailed as failed:
        raise UnreachableError(failed.words) from None
    finally:
        await client.close()


def _endpoint(name: str, config: EndpointModel, url: str) -> str:
    models = run_to_end(served_models(url, api_key(name, config)))
    if config.model not in models:
        raise UnreachableError(f"does not offer {config.model!r}.", hint=f"It offers {', '.join(models)}.")
    return f"offers {config.model}"


def _offline(config: VllmModel, folder: Path) -> str:
    vllm = find_vllm()
    found = find_folder(model_to_load(config.model, folder))
    where = f"{config.model} is in {found}" if found else f"{config.model} will be fetched from the hub"
    return f"vLLM {vllm.version} in {vllm.python}; {where}"


def _disk(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    if free < _LEAST_DISK:
        raise UnreachableError(f"{free / 2**20:.0f} MiB are free in {folder}.", hint="Free some space.")
    return f"{free / 2**30:.1f} GiB free"
