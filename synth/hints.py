"""Commands that a message tells the user to type: they work as they stand.

`synth` and `pip` are short names where typing them starts the programs of this environment, else full paths.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

# What a plain installation may lack. The same bounds as in pyproject.toml; a test compares them.
REQUIREMENTS = {
    "argilla": "argilla>=2.8,<3",
    "duckdb": "duckdb>=1.4",
    "openvino-genai": "openvino-genai>=2026.2",
    "vllm": "vllm>=0.20",
}


def pip_install(*packages: str) -> str:
    """The command that installs `packages` into this environment."""
    wanted = [shlex.quote(REQUIREMENTS.get(package, package)) for package in packages]
    return f"{program('pip')} install {' '.join(wanted)}"


def command(*words: str | os.PathLike[str]) -> str:
    """A command of `synth`, quoted for a shell. Paths are shown as short as they can be."""
    return " ".join([program("synth"), *(shlex.quote(_shown(word)) for word in words)])


def typed(text: str, run: str | os.PathLike[str] | None = None) -> str:
    """A hint with its commands as one types them here: `synth` may be a path, RUN and RECIPE are `run`.

    Only for text of our own: a row that speaks of `synth` stays as it is.
    """
    text = text.replace("`synth ", f"`{program('synth')} ")
    if run is None or not os.path.exists(run):
        return text
    # A run folder can be shown and exported, but only its recipe can be run.
    words = r"\bRUN\b" if os.path.exists(os.path.join(run, "run.json")) else r"\b(RUN|RECIPE)\b(?!\.)"
    return re.sub(words, lambda _: shlex.quote(_shown(run)), text)


def program(name: str) -> str:
    """How to start the program `name` of this environment."""
    folder = Path(sys.executable).parent
    here, found = folder / name, shutil.which(name)
    if found and here.exists() and Path(found).resolve() == here.resolve():
        return name
    if here.exists():
        return shlex.quote(str(here))
    return f"{shlex.quote(sys.executable)} -m {name}"


def _shown(word: str | os.PathLike[str]) -> str:
    if isinstance(word, str):
        return word
    relative = os.path.relpath(word)
    return min(relative, os.fspath(word), key=len) if os.path.isabs(word) else relative
