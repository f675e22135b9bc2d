"""`export_run`: one call of `synth export`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from synth.errors import ExportError
from synth.exports.card import CardFacts, card
from synth.exports.check import ExpectedExport, check_export, file_of
from synth.exports.containers import pack
from synth.exports.counts import ExportCounts
from synth.exports.files import Written, digest_of, write_text
from synth.exports.formats import find_format
from synth.exports.formats.base import DatasetFiles, Format
from synth.exports.low_scores import low_score_warning
from synth.exports.manifest import write_manifest
from synth.exports.mix import MixShare
from synth.exports.options import check_options
from synth.exports.provenance import recipe_digest, sources
from synth.exports.publish import find_target, publish, staging_folder
from synth.exports.rows import RowWriter
from synth.exports.splits import SPLITS, Split
from synth.llm.base import Json
from synth.recipe.model import ExportOptions
from synth.store import RunReader


@dataclass(frozen=True)
class ExportResult:
    """The result of an export. `files` has rows by split, `withheld` the kept rows that were left out, by
    reason.
    """

    folder: Path
    format: str
    files: dict[str, int]
    withheld: dict[str, int]
    checks: list[str]
    warnings: list[str]
    changed: bool
    replaced: Path | None = None

    def summary(self) -> Json:
        """The document that `synth export --json` prints."""
        return {
            "folder": str(self.folder),
            "format": self.format,
            "rows": sum(self.files.values()),
            "files": self.files,
            "withheld": self.withheld,
            "checks": self.checks,
            "warnings": self.warnings,
            "changed": self.changed,
            "replaced": str(self.replaced) if self.replaced else None,
        }


def export_run(
    run: Path,
    *,
    format: str | None = None,
    out: Path | None = None,
    options: ExportOptions | None = None,
    base: Path | None = None,
) -> ExportResult:
    """Writes the kept rows of the run folder `run` as `format`, to `out` or to `RUN/export/FORMAT/`.

    Without `options`, those of the recipe as it was last run apply; paths in them (`export.mix`,
    `export.model`) are relative to `base`, the recipe's folder. While a run is writing, the export is a
    snapshot of one moment.

    Raises `ExportError` if a row cannot be expressed, no row is left or a check fails, `InputError` if `run`
    is no run folder or `out` is taken, and `MachineError` if the disk refuses. After an error, the previous
    export is unchanged.
    """
    with closing(RunReader(run)) as reader, reader.snapshot():
        options = options or ExportOptions.model_validate(reader.recipe["export"])
        form = find_format(format or options.format)
        check_options(form, options)
        folder = out if out is not None else reader.folder.export / form.name
        kept = reader.folder.export / "old"
        target = find_target(folder, kept)
        with staging_folder(target, kept) as made:
            job = _Export(reader, form, options, made.new, base or reader.base)
            checks = job.write()
            changed, replaced = publish(made, target, kept)
        return ExportResult(
            folder,
            form.name,
            {split: job.tally.rows[split] for split in SPLITS},
            {str(reason): count for reason, count in sorted(job.tally.withheld.items())},
            checks,
            job.warnings(),
            changed,
            replaced,
        )


@dataclass
class _Export:
    """One export, written into its scratch folder."""

    reader: RunReader
    form: Format
    options: ExportOptions
    folder: Path
    base: Path
    tally: ExportCounts = field(default_factory=ExportCounts)
    held_out: int = 0
    shares: list[MixShare] = field(default_factory=list)
    unshown: list[str] = field(default_factory=list)

    def write(self) -> list[str]:
        """Writes every file. Returns the checks that they passed."""
        rows = RowWriter(self.reader, self.form, self.options, self.tally, self.base)
        files = rows.write(self.folder)
        self.held_out, self.shares = rows.held_out, rows.shares
        if not self.tally.total:
            raise self._nothing_left()
        checks = check_export(
            self.folder, ExpectedExport(files, self.form, self.options, self.tally.copies.total())
        )
        checks += rows.templates.passed()
        self.unshown = rows.templates.failed()
        files = pack(self.folder, self.form.container, self._splits(), files) + self._write_extras()
        write_text(self.folder / "README.md", card(self._facts(files, [*checks, *self.unshown])))
        self._write_manifest(files)
        return checks

    def warnings(self) -> list[str]:
        """Warnings about the data. The files themselves are correct."""
        rows, warnings = self.tally.rows, []
        if not self.reader.finished:
            pending = self.reader.counts().get("pending", 0)
            warnings.append(f"The run is unfinished: {pending} rows are still in progress and not included.")
        if not self.tally.own_test and self.held_out:
            words = (
                f"test is empty: none of the {self.held_out} held-out rows gives a row of {self.form.name}"
            )
            pairs = ", since they have one answer each and no pair" if self.form.kind == "pair" else ""
            warnings.append(f"{words}{pairs}.")
        elif not self.tally.own_test:
            warnings.append("test is empty: set real rows aside with `holdout: {rows: N}`.")
        elif not self.held_out:
            warnings.append("test was cut from the drafts: it shares their mistakes. A `holdout` does not.")
        if not rows["train"]:
            warnings.append("train is empty.")
        if 0 < rows["train"] < self.form.fewest:
            warnings.append(f"train has {rows['train']} rows; {self.form.name} asks for {self.form.fewest}.")
        for share in self.shares:
            rows_given = self.tally.mixed[share.name, share.source.split]
            got = share.given if share.unit == "tokens" else rows_given
            if got < share.wanted:
                warnings.append(f"{share.name} gave {got} {share.unit} to mix in, not {share.wanted}.")
        for name, value, count in self.tally.only_in_train():
            warnings.append(f"test has no row of {name} {value!r}, and train has {count}.")
        warnings += self.unshown
        warnings += low_score_warning(self.reader)
        if not self.options.license:
            warnings.append("The card names no licence: set `export.license` to that of your sources.")
        return warnings

    def _splits(self) -> list[Split]:
        """The splits that have rows."""
        return [split for split in SPLITS if self.tally.rows[split]]

    def _write_extras(self) -> list[Written]:
        files = {str(split): file_of(split) for split in self._splits()}
        extras = self.form.extras(DatasetFiles(self.reader.name, files, self.options.model))
        return [write_text(self.folder / name, text) for name, text in sorted(extras.items())]

    def _facts(self, files: list[Written], checks: list[str]) -> CardFacts:
        return CardFacts(
            name=self.reader.name,
            digest=recipe_digest(self.reader),
            form=self.form,
            options=self.options,
            tally=self.tally,
            funnel=self.reader.funnel(self.reader.stage_names()),
            sources=sources(self.reader),
            files=files,
            checks=checks,
            shares=self.shares,
            held_out=self.held_out,
            finished=self.reader.finished,
        )

    def _write_manifest(self, files: list[Written]) -> None:
        readme = Written("README.md", None, digest_of(self.folder / "README.md"))
        recipe = {"name": self.reader.name, "sha256": recipe_digest(self.reader)}
        write_manifest(self.folder, self.form.name, recipe, [*files, readme])

    def _nothing_left(self) -> ExportError:
        withheld = ", ".join(f"{reason}: {count}" for reason, count in sorted(self.tally.withheld.items()))
        hint = "`synth show RUN` says where the rows went; loosen what dropped them, or `export.only`."
        if self.form.kind in ("pair", "judgement"):
            hint = "Preferences come from edits and decisions in a review, and from candidates with scores."
        return ExportError(
            f"no row is left to export as {self.form.name}{f' (withheld: {withheld})' if withheld else ''}.",
            where=str(self.reader.folder.path),
            hint=hint,
        )
