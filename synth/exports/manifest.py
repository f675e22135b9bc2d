"""`manifest.json`: what an export holds, and the mark by which the next call knows it as an export."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson

from synth.exports.files import Written
from synth.llm.base import Json

MANIFEST = "manifest.json"
FORMAT_VERSION = 1
# The mark. Many tools write a `manifest.json`, and none of them writes this into it.
_TOOL = "synth export"
# All keys of a manifest from before the mark, and all keys of its parts.
_UNMARKED = {"version", "format", "recipe", "files"}
_RECIPE = {"name", "sha256"}
_FILE = {"rows", "sha256"}


def write_manifest(folder: Path, form: str, recipe: Json, files: Iterable[Written]) -> None:
    """Lists `files` with their rows and checksums; `recipe` has the name and digest of the recipe."""
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
    """Whether `synth export` wrote this folder. The `manifest.json` of another tool does not make it one."""
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
    """Whether it has exactly the shape that manifests had before they were marked."""
    files = manifest.get("files")
    return (
        manifest.keys() == _UNMARKED
        and isinstance(manifest["recipe"], dict)
        and manifest["recipe"].keys() == _RECIPE
        and isinstance(files, dict)
        and files.keys() >= {"README.md", "receipts.jsonl"}
        and all(isinstance(file, dict) and file.keys() == _FILE for file in files.values())
    )
