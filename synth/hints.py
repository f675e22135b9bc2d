"""Commands in messages: the user can copy and run them unchanged.

`synth` and `pip` appear as short names if the shell finds this environment's programs, else as full paths.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

# Packages that a plain installation can lack, with the bounds of pyproject.toml; a test compares them.
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
    """A `synth` command, quoted for a shell. Paths are absolute or relative, whichever is shorter."""
    return " ".join([program("synth"), *(shlex.quote(_shown(word)) for word in words)])


def typed(text: str, run: str | os.PathLike[str] | None = None) -> str:
    """A hint whose commands can be copied: `synth` may become a path, RUN and RECIPE become `run`.

    Only for texts of this package: a row that mentions `synth` must stay unchanged.
    """
    text = text.replace("`synth ", f"`{program('synth')} ")
    if run is None or not os.path.exists(run):
        return text
    # A run folder can be shown and exported, but not run: RECIPE stays.
    words = r"\bRUN\b" if os.path.exists(os.path.join(run, "run.json")) else r"\b(RUN|RECIPE)\b(?!\.)"
    return re.sub(words, lambda _: shlex.quote(_shown(run)), text)


def program(name: str) -> str:
    """The command that starts the program `name` of this environment."""
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
