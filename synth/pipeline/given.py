"""What a run starts from: held-out rows, seeds and prompts, in this order; passages and failures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from synth.documents import Piece, pieces, read_document
from synth.errors import RecipeError, SourceError
from synth.pipeline.digest import named
from synth.recipe.model import Files, Recipe
from synth.redaction import Redactor
from synth.row import Origin, Row, Slot
from synth.sources import document_files, files_of, read_failures, read_rows
from synth.stages.given import Failure, Passage


@dataclass(frozen=True)
class Given:
    """What people gave. Prompts are read as they are needed: there can be very many."""

    holdout: list[Row]
    seeds: list[Row]
    failures: list[Failure]
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

    def passages(self, shortest: int, longest: int) -> list[Passage]:
        """Every document in pieces of so many characters, each text once."""
        documents, folder = self.recipe.sources.documents, self.recipe.folder
        unique: dict[str, Passage] = {}
        for file in document_files(documents, folder):
            name = named(file, self.recipe)
            text = read_document(file)
            text = self.redactor.text(text) if self.redactor else text
            for piece in _pieces(text, shortest, longest, name):
                passage = Passage(name, piece.text, piece.start, piece.end, piece.heading or None)
                unique.setdefault(passage.id, passage)
                if len(unique) == self.recipe.limit:
                    return list(unique.values())
        return list(unique.values())

    def _prompts(self) -> Iterator[Row]:
        if self.recipe.sources.prompts is None:
            return
        seen: set[int] = set()
        again = any(getattr(stage.options, "again", False) for stage in self.recipe.stages)
        answered = None if again else False
        prompts, folder = self.recipe.sources.prompts, self.recipe.folder
        for row in read_rows(prompts, folder, "prompt", answered=answered, redactor=self.redactor):
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
    if all(spec is None for _, spec in sources):
        raise RecipeError(
            "a recipe needs a source.", where="sources", hint="For example `seeds: seeds.jsonl`."
        )
    _check_prompts_are_answered(recipe)
    seeds = _read(recipe, sources.seeds, "seed", warn, redactor)
    failures = _failures(recipe, redactor)
    holdout: list[Row] = []
    if recipe.holdout is not None and recipe.holdout.file is not None:
        holdout = _read(recipe, recipe.holdout.file, "holdout", warn, redactor)
    elif recipe.holdout is not None:
        holdout = _set_aside(seeds, failures, recipe)
    held = {row.id for row in holdout}
    seeds = [row for row in seeds if row.id not in held]
    failures = [failure for failure in failures if failure.id not in held]
    return Given(holdout, seeds, failures, recipe, redactor)


def _read(
    recipe: Recipe,
    spec: Files | None,
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


def _pieces(text: str, shortest: int, longest: int, name: str) -> list[Piece]:
    try:
        return pieces(text, shortest, longest)
    except SourceError as error:
        raise SourceError(error.message, where=name, hint=error.hint) from None


def _failures(recipe: Recipe, redactor: Redactor | None) -> list[Failure]:
    if recipe.sources.failures is None:
        return []
    unique: dict[str, Failure] = {}
    for failure in read_failures(recipe.sources.failures, recipe.folder, redactor):
        unique.setdefault(failure.id, failure)
        if len(unique) == recipe.limit:
            break
    return list(unique.values())


def _set_aside(seeds: list[Row], failures: list[Failure], recipe: Recipe) -> list[Row]:
    """Real rows with an answer that people trust: seeds, and failures with the expected one."""
    assert recipe.holdout is not None
    answered = (failure.as_row() for failure in failures if failure.expected is not None)
    # A failure with its right answer may be a seed, too: that is one row.
    known = {row.id for row in seeds}
    real = [*seeds, *(row for row in answered if row.id not in known)]
    wanted = recipe.holdout.rows or 0
    if recipe.limit:
        wanted = min(wanted, len(real) // 2)
    if wanted >= len(real):
        raise RecipeError(
            f"a holdout of {wanted} leaves nothing of {len(real)} seeds.",
            where="holdout.rows",
            hint="Lower it.",
        )
    lowest = {row.id for row in sorted(real, key=lambda row: _holdout_hash(recipe, row))[:wanted]}
    return [replace(row, lineage=replace(row.lineage, origin="holdout")) for row in real if row.id in lowest]


def _holdout_hash(recipe: Recipe, row: Row) -> bytes:
    return hashlib.sha256(f"{recipe.seed}:holdout:{row.id}".encode()).digest()


def _check_prompts_are_answered(recipe: Recipe) -> None:
    if recipe.sources.prompts is not None and all(stage.kind != "respond" for stage in recipe.stages):
        raise RecipeError(
            "`sources.prompts` want answers, and no stage gives any.",
            where="stages",
            hint="Add `- respond: {}`.",
        )
