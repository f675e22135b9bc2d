"""SHA-256 of a run's sources, for its fingerprint and its dataset card."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import orjson

from synth.llm.base import Json
from synth.recipe.files import Files, RunSource, Source, listed
from synth.recipe.model import Recipe
from synth.sources import files_of, local_dataset, run_records


def source_digest(recipe: Recipe) -> Json:
    """SHA-256 of every source, by name. A dataset on the hub has none."""
    specs: Iterable[Files | None] = (
        *(spec for _, spec in recipe.sources),
        recipe.holdout.file if recipe.holdout else None,
    )
    digests: Json = {}
    for spec in specs:
        for source in listed(spec):
            digests |= _digests(source, recipe)
    return digests


def named(file: Path, recipe: Recipe) -> str:
    """The name of a source file in receipts: relative to the recipe's folder if it is inside."""
    inside = file.is_relative_to(recipe.folder)
    return file.relative_to(recipe.folder).as_posix() if inside else str(file)


def file_digest(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _digests(source: Source, recipe: Recipe) -> Json:
    if isinstance(source, RunSource):
        name = f"{source.run} ({source.only})" if source.only else source.run
        return {name: _run_digest(source, recipe.folder)}
    if (local := local_dataset(source, recipe.folder)) is not None:
        name, folder = local
        return {name: _folder_digest(folder)}
    return {named(file, recipe): file_digest(file) for file in files_of(source, recipe.folder)}


def _run_digest(source: RunSource, folder: Path) -> str:
    """The digest of a run's rows, which depend on its replies, recipe and decisions."""
    digest = hashlib.sha256()
    for record in run_records(source, folder):
        digest.update(orjson.dumps(record.data, option=orjson.OPT_SORT_KEYS) + b"\n")
    return digest.hexdigest()


def _folder_digest(folder: Path) -> str:
    """The digest of all files in a folder, with their names."""
    parts = {
        file.relative_to(folder).as_posix(): file_digest(file) for file in folder.rglob("*") if file.is_file()
    }
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()
