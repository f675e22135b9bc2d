"""`synth doctor`: checks every part, and says how to fix what is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from synth.api import run_to_end
from synth.cli.console import print_json, print_line
from synth.cli.errors import error_words
from synth.errors import SynthError, UnreachableError
from synth.llm.providers import PROVIDERS, HealthCheck, provider_of
from synth.packaged import packaged
from synth.recipe.base import ModelConfig
from synth.recipe.load import load_recipe
from synth.recipe.model import Recipe

_LEAST_DISK = 2**30


@dataclass(frozen=True)
class Finding:
    """The result for one part: whether it works, and the details."""

    part: str
    ok: bool
    words: str


def check_all(recipe: Path | None, *, as_json: bool) -> int:
    """Prints one line per part. Returns 0, or the exit code for unreachable parts."""
    findings = [
        _try("packaged files", lambda: str(packaged("prompts").parent)),
        _try("disk", lambda: _disk(recipe.parent if recipe else Path.cwd())),
    ]
    if recipe is None:
        # The default provider of a recipe.
        findings += _model("embedded model", "writer", provider_of({}).config(), Path.cwd())
    else:
        loaded = load_recipe(recipe)
        findings.append(Finding("recipe", True, _contents(loaded)))
        for name, config in loaded.models.items():
            findings += _model(f"models.{name}", name, config, loaded.folder)
    if as_json:
        print_json({"ok": all(f.ok for f in findings), "findings": [asdict(f) for f in findings]})
    else:
        for finding in findings:
            print_line(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.part}: {finding.words}")
    return 0 if all(finding.ok for finding in findings) else UnreachableError.exit_code


def _contents(recipe: Recipe) -> str:
    stages, models = len(recipe.stages), len(recipe.models)
    return f"{stages} stage{'s' * (stages != 1)}, {models} model{'s' * (models != 1)}"


def _model(part: str, name: str, config: ModelConfig, folder: Path) -> list[Finding]:
    """Runs the checks of the model's provider. `part` is the name of the model in the output."""
    checks = PROVIDERS.find(config.provider).check(name, config, folder)
    return [_try(f"{part} {check.place}".rstrip(), partial(_result, check)) for check in checks]


def _result(check: HealthCheck) -> str:
    return run_to_end(check.run())


def _try(part: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(part, True, check())
    except SynthError as error:
        return Finding(part, False, error_words(error))


def _disk(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    if free < _LEAST_DISK:
        raise UnreachableError(f"{free / 2**20:.0f} MiB are free in {folder}.", hint="Free some space.")
    return f"{free / 2**30:.1f} GiB free"
