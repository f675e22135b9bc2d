"""`manifest.json`: lists an export's files, and marks the folder as an export for the next call."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson

from synth.exports.files import Written
from synth.llm.base import Json

MANIFEST = "manifest.json"
FORMAT_VERSION = 1
# The mark. Many tools write a `manifest.json`, but none of them writes this value.
_TOOL = "synth export"
# The exact keys of manifests written before the mark existed, and of their parts.
_UNMARKED = {"version", "format", "recipe", "files"}
_RECIPE = {"name", "sha256"}
_FILE = {"rows", "sha256"}


def write_manifest(folder: Path, form: str, recipe: Json, files: Iterable[Written]) -> None:
    """Writes the manifest: `files` with their rows and checksums, and the recipe's name and digest."""
    manifest = {
        "tool": _TOOL,
        "version": FORMAT_VERSION,
        "format": form,
        "recipe": recipe,
        "files": {file.name: {"rows": file.rows, "sha256": file.sha256} for file in files},
    }
    text = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (folder / MANIFEST).write_bytes(text)


def is_export(folder: Path) -> bool:
    """Whether `synth export` wrote this folder. Another tool's `manifest.json` does not count."""
    file = folder / MANIFEST
    if not file.is_file():
        return False
    try:
        manifest = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        return False
    if not isinstance(manifest, dict) or not isinstance(manifest.get("version"), int):
        return False
    return manifest.get("tool") == _TOOL or _is_unmarked(manifest)


def _is_unmarked(manifest: Json) -> bool:
    """Whether the manifest has exactly the shape of manifests without the mark."""
    files = manifest.get("files")
    return (
        manifest.keys() == _UNMARKED
        and isinstance(manifest["recipe"], dict)
        and manifest["recipe"].keys() == _RECIPE
        and isinstance(files, dict)
        and files.keys() >= {"README.md", "receipts.jsonl"}
        and all(isinstance(file, dict) and file.keys() == _FILE for file in files.values())
    )
