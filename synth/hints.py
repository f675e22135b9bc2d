"""Commands that a message tells the user to type: they work as they stand.

`synth` and `pip` are short names where typing them starts the programs of this environment, else full paths.
"""

from __future__ import annotations

import os
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


def pip_install(package: str) -> str:
    """The command that installs `package` into this environment."""
    return f"{program('pip')} install {shlex.quote(REQUIREMENTS.get(package, package))}"


def command(*words: str | os.PathLike[str]) -> str:
    """A command of `synth`, quoted for a shell. Paths are shown as short as they can be."""
    return " ".join([program("synth"), *(shlex.quote(_shown(word)) for word in words)])


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
