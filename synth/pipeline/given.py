"""What a run starts from: held-out rows, seeds and prompts, in this order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from synth.errors import RecipeError, SourceError
from synth.llm.base import Json
from synth.recipe.model import Recipe
from synth.redaction import Redactor
from synth.row import Origin, Row, Slot
from synth.sources import files_of, read_rows


@dataclass(frozen=True)
class Given:
    """The rows that people gave. Prompts are read as they are needed: there can be very many."""

    holdout: list[Row]
    seeds: list[Row]
    recipe: Recipe
    redactor: Redactor | None = None

    def slots(self) -> Iterator[Slot]:
        """One row a slot, in the run's order."""
        for number, row in enumerate(self.holdout):
            yield Slot((0, 0, number), [row])
        for number, row in enumerate(self.seeds):
            yield Slot((0, 1, number), [row])
        for number, row in enumerate(self._prompts()):
            yield Slot((0, 2, number), [row])

    def _prompts(self) -> Iterator[Row]:
        if self.recipe.sources.prompts is None:
            return
        seen: set[int] = set()
        for row in read_rows(
            self.recipe.sources.prompts, self.recipe.folder, "prompt", answered=False, redactor=self.redactor
        ):
            key = int(row.id, 16)
            if key not in seen:
                seen.add(key)
                yield row
            if len(seen) == self.recipe.limit:
                return


def read_given(recipe: Recipe, warn: Callable[[str], None], redactor: Redactor | None = None) -> Given:
    """Reads seeds and sets the holdout aside, before anything is drafted.

    The holdout is the rows with the lowest hashes: adding a seed moves at most one other into or out of
    it. Raises `RecipeError`, `SourceError`.
    """
    sources = recipe.sources
    if sources.seeds is None and sources.prompts is None:
        raise RecipeError(
            "a recipe needs a source.", where="sources", hint="For example `seeds: seeds.jsonl`."
        )
    _check_prompts_are_answered(recipe)
    seeds = _read(recipe, sources.seeds, "seed", warn, redactor)
    holdout: list[Row] = []
    if recipe.holdout is not None and recipe.holdout.file is not None:
        holdout = _read(recipe, recipe.holdout.file, "holdout", warn, redactor)
        held = {row.id for row in holdout}
        seeds = [row for row in seeds if row.id not in held]
    elif recipe.holdout is not None:
        holdout, seeds = _set_aside(seeds, recipe)
    return Given(holdout, seeds, recipe, redactor)


def _read(
    recipe: Recipe,
    spec: str | list[str] | None,
    origin: Origin,
    warn: Callable[[str], None],
    redactor: Redactor | None,
) -> list[Row]:
    if spec is None:
        return []
    unique: dict[str, Row] = {}
    total = 0
    for row in read_rows(spec, recipe.folder, origin, answered=True, redactor=redactor):
        total += 1
        unique.setdefault(row.id, row)
    if not unique:
        where = ", ".join(str(f) for f in files_of(spec, recipe.folder)) or str(spec)
        raise SourceError("holds no rows.", where=where)
    if total > len(unique):
        warn(f"{total - len(unique)} of {total} {origin} rows are the same as another one and count once.")
    rows = list(unique.values())
    return rows[: recipe.limit] if recipe.limit else rows


def _set_aside(seeds: list[Row], recipe: Recipe) -> tuple[list[Row], list[Row]]:
    assert recipe.holdout is not None
    wanted = recipe.holdout.rows or 0
    if recipe.limit:
        wanted = min(wanted, len(seeds) // 2)
    if wanted >= len(seeds):
        raise RecipeError(
            f"a holdout of {wanted} leaves nothing of {len(seeds)} seeds.",
            where="holdout.rows",
            hint="Lower it.",
        )
    lowest = {row.id for row in sorted(seeds, key=lambda row: _holdout_hash(recipe, row))[:wanted]}
    holdout = [
        replace(row, lineage=replace(row.lineage, origin="holdout")) for row in seeds if row.id in lowest
    ]
    return holdout, [row for row in seeds if row.id not in lowest]


def _holdout_hash(recipe: Recipe, row: Row) -> bytes:
    return hashlib.sha256(f"{recipe.seed}:holdout:{row.id}".encode()).digest()


def _check_prompts_are_answered(recipe: Recipe) -> None:
    if recipe.sources.prompts is not None and all(stage.kind != "respond" for stage in recipe.stages):
        raise RecipeError(
            "`sources.prompts` want answers, and no stage gives any.",
            where="stages",
            hint="Add `- respond: {}`.",
        )


def source_digest(recipe: Recipe) -> Json:
    """SHA-256 of every source file, by its name: part of what a finished run is finished for."""
    specs: Iterable[str | list[str] | None] = (
        recipe.sources.seeds,
        recipe.sources.prompts,
        recipe.holdout.file if recipe.holdout else None,
    )
    digests: Json = {}
    for spec in specs:
        for file in files_of(spec, recipe.folder) if spec is not None else []:
            digests[
                file.relative_to(recipe.folder).as_posix()
                if file.is_relative_to(recipe.folder)
                else str(file)
            ] = file_digest(file)
    return digests


def file_digest(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
