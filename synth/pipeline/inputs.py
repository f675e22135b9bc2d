"""The inputs of a run: held-out rows, seeds and prompts, in this order; passages and failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from synth.documents import Piece, pieces, read_document
from synth.errors import RecipeError, SourceError
from synth.pipeline.digest import named
from synth.pipeline.skipped import Skipped
from synth.recipe.files import Files
from synth.recipe.model import Recipe
from synth.redaction import Redactor
from synth.row import Origin, Row
from synth.slot import Slot
from synth.sources import document_files, files_of, read_failures, read_rows, read_seeds
from synth.stable_hash import rank
from synth.stages.source_items import KnownFailure, Passage, Seed

# The names of rows in `repeated`, by origin.
_KEYS = {"seed": "seeds", "holdout": "holdout"}


@dataclass(frozen=True)
class RunInputs:
    """The inputs of a run. Prompts are read lazily, because there can be very many.

    `repeated` counts rows by source that equal an earlier row, and so were left out. `skipped` has the rows
    that could not be used, from sources with `bad: skip`.
    """

    holdout: list[Row]
    seeds: list[Seed]
    failures: list[KnownFailure]
    recipe: Recipe
    redactor: Redactor | None = None
    warn: Callable[[str], None] = lambda text: None
    repeated: Counter[str] = field(default_factory=Counter)
    skipped: Skipped = field(default_factory=Skipped)

    def slots(self) -> Iterator[Slot]:
        """Slots of one row each, in the run's order."""
        for number, row in enumerate(self.holdout):
            yield Slot((0, 0, number), [row])
        for number, seed in enumerate(self.seeds):
            yield Slot((0, 1, number), [seed.row])
        for number, row in enumerate(self._prompts()):
            yield Slot((0, 2, number), [row])

    def passages(self, shortest: int, longest: int) -> list[Passage]:
        """All documents in pieces of `shortest` to `longest` characters, each text once."""
        documents, folder = self.recipe.sources.documents, self.recipe.folder
        unique: dict[str, Passage] = {}
        total = 0
        for file, may_skip in document_files(documents, folder):
            name = named(file, self.recipe)
            try:
                text = read_document(file)
                found = _pieces(self.redacted(text), shortest, longest, name)
            except SourceError as error:
                if not may_skip:
                    raise
                self.skipped.note("documents", error)
                continue
            for piece in found:
                passage = Passage(name, piece.text, piece.start, piece.end, piece.heading or None)
                total += 1
                unique.setdefault(passage.id, passage)
                if len(unique) == self.recipe.limit:
                    return list(unique.values())
        if total > len(unique):
            # Stages may cut the same documents into pieces of different sizes.
            self.repeated["passages"] = max(self.repeated["passages"], total - len(unique))
        _report_repeats(self.warn, "passages", total - len(unique), total)
        return list(unique.values())

    def redacted(self, text: str) -> str:
        """The text with stand-ins for personal data, if the recipe redacts."""
        return self.redactor.text(text) if self.redactor else text

    def requests(self, name: str) -> list[Row]:
        """The rows of a further file of requests, each once, with or without answers, and redacted."""
        rows = read_rows(name, self.recipe.folder, "prompt", answered=None, redactor=self.redactor)
        return list({row.id: row for row in rows}.values())

    def request_files(self, name: str) -> list[Path]:
        """The paths of a further file of requests."""
        return files_of(name, self.recipe.folder)

    def _prompts(self) -> Iterator[Row]:
        if self.recipe.sources.prompts is None:
            return
        seen: set[int] = set()
        total = 0
        again = any(stage.options.answers_again for stage in self.recipe.stages)
        answered = None if again else False
        prompts, folder = self.recipe.sources.prompts, self.recipe.folder
        skip = partial(self.skipped.note, "prompts")
        for row in read_rows(prompts, folder, "prompt", answered=answered, redactor=self.redactor, skip=skip):
            key = int(row.id, 16)
            total += 1
            if key not in seen:
                seen.add(key)
                yield row
            else:
                self.repeated["prompts"] += 1
            if len(seen) == self.recipe.limit:
                break
        _report_repeats(self.warn, "prompt rows", total - len(seen), total)


def read_inputs(recipe: Recipe, warn: Callable[[str], None], redactor: Redactor | None = None) -> RunInputs:
    """Reads the inputs, and selects the holdout before anything is drafted.

    The holdout is the rows with the lowest hashes: a new seed moves at most one other seed into or out of it.
    Duplicate rows, and seeds that are also in the holdout, are reported. Raises `RecipeError` and
    `SourceError`.
    """
    sources = recipe.sources
    if all(spec is None for _, spec in sources):
        raise RecipeError(
            "a recipe needs a source.", where="sources", hint="For example `seeds: seeds.jsonl`."
        )
    _check_prompts_are_answered(recipe)
    reading = _Reading(recipe, warn, redactor)
    seeds = reading.rows(sources.seeds, "seed")
    failures = reading.failures()
    holdout: list[Row] = []
    if recipe.holdout is not None and recipe.holdout.file is not None:
        holdout = [seed.row for seed in reading.rows(recipe.holdout.file, "holdout")]
        reading.report_held_out(holdout, seeds, failures)
    elif recipe.holdout is not None:
        holdout = _set_aside(seeds, failures, recipe)
    held = {row.id for row in holdout}
    seeds = [seed for seed in seeds if seed.row.id not in held]
    failures = [failure for failure in failures if failure.id not in held]
    return RunInputs(holdout, seeds, failures, recipe, redactor, warn, reading.repeated, reading.skipped)


@dataclass
class _Reading:
    """Reads whole sources, each row once, and reports the rows that are left out."""

    recipe: Recipe
    warn: Callable[[str], None]
    redactor: Redactor | None
    repeated: Counter[str] = field(default_factory=Counter)
    skipped: Skipped = field(default_factory=Skipped)

    def rows(self, spec: Files | None, origin: Origin) -> list[Seed]:
        """The rows of a source that have an answer. Raises `SourceError` if there are none."""
        if spec is None:
            return []
        folder = self.recipe.folder
        unique: dict[str, Seed] = {}
        total = 0
        skip = partial(self.skipped.note, _KEYS[origin])
        for seed in read_seeds(spec, folder, origin, answered=True, redactor=self.redactor, skip=skip):
            total += 1
            unique.setdefault(seed.row.id, seed)
        if not unique:
            where = ", ".join(str(f) for f in files_of(spec, folder)) or str(spec)
            bad = len(self.skipped.where)
            hint = f"{bad} bad rows were skipped, the first at {self.skipped.where[0]}." if bad else None
            raise SourceError("has no rows.", where=where, hint=hint)
        self._note(f"{origin} rows", _KEYS[origin], total, len(unique))
        return list(unique.values())[: self.recipe.limit]

    def failures(self) -> list[KnownFailure]:
        """The failures of the recipe. Two are equal if their requests and expected answers are equal."""
        if self.recipe.sources.failures is None:
            return []
        unique: dict[str, KnownFailure] = {}
        total = 0
        skip = partial(self.skipped.note, "failures")
        spec, folder = self.recipe.sources.failures, self.recipe.folder
        for failure in read_failures(spec, folder, self.redactor, skip):
            total += 1
            unique.setdefault(failure.id, failure)
            if len(unique) == self.recipe.limit:
                break
        self._note("failures", "failures", total, len(unique))
        return list(unique.values())

    def report_held_out(self, holdout: list[Row], seeds: list[Seed], failures: list[KnownFailure]) -> None:
        """Reports the number of seeds and failures that are also in the holdout's file. No prompt shows
        them.
        """
        held = {row.id for row in holdout}
        for name, ids in (("seeds", [s.row.id for s in seeds]), ("failures", [f.id for f in failures])):
            if there := sum(each in held for each in ids):
                self.repeated[f"{name}_held_out"] = there
                self.warn(f"{there} of {len(ids)} {name} stand in the holdout, too, and are only there.")

    def _note(self, words: str, key: str, total: int, different: int) -> None:
        if total > different:
            self.repeated[key] = total - different
        _report_repeats(self.warn, words, total - different, total)


def _report_repeats(warn: Callable[[str], None], words: str, repeats: int, total: int) -> None:
    if repeats:
        warn(f"{repeats} of {total} {words} are the same as another one and count once.")


def _pieces(text: str, shortest: int, longest: int, name: str) -> list[Piece]:
    try:
        return pieces(text, shortest, longest)
    except SourceError as error:
        raise SourceError(error.message, where=name, hint=error.hint) from None


def _set_aside(seeds: list[Seed], failures: list[KnownFailure], recipe: Recipe) -> list[Row]:
    """Real rows with a trusted answer: seeds, and failures with an expected answer."""
    assert recipe.holdout is not None
    answered = (failure.as_row() for failure in failures if failure.expected is not None)
    # A failure with its expected answer may equal a seed. Then it is one row.
    real = [seed.row for seed in seeds]
    known = {row.id for row in real}
    real += [row for row in answered if row.id not in known]
    wanted = recipe.holdout.rows or 0
    if recipe.limit:
        wanted = min(wanted, len(real) // 2)
    if wanted >= len(real):
        raise RecipeError(
            f"a holdout of {wanted} leaves nothing of {len(real)} seeds.",
            where="holdout.rows",
            hint="Lower it.",
        )
    lowest = {row.id for row in sorted(real, key=lambda row: rank(recipe.seed, "holdout", row.id))[:wanted]}
    return [replace(row, lineage=replace(row.lineage, origin="holdout")) for row in real if row.id in lowest]


def _check_prompts_are_answered(recipe: Recipe) -> None:
    if recipe.sources.prompts is not None and not any(stage.options.answers for stage in recipe.stages):
        raise RecipeError(
            "`sources.prompts` want answers, and no stage gives any.",
            where="stages",
            hint="Add `- respond: {}`.",
        )
