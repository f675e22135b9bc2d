"""`export_run`: one call of `synth export`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from synth.errors import ExportError
from synth.export.about import recipe_digest, sources
from synth.export.card import CardFacts, card
from synth.export.check import RECEIPTS, Expected, check_export, file_of
from synth.export.example import example_of
from synth.export.files import LinesFile, Written, as_line, digest_of
from synth.export.formats import find_format
from synth.export.formats.base import Format
from synth.export.place import MANIFEST, check_target, put, workshop
from synth.export.select import withheld_because
from synth.export.sides import SIDES, Origins, Side, TestSide
from synth.export.tally import Tally
from synth.llm.base import Json
from synth.recipe.model import ExportOptions
from synth.store import RunReader

FORMAT_VERSION = 1


@dataclass(frozen=True)
class ExportResult:
    """What an export came to: `files` are rows by split, `withheld` the kept rows that are not in it."""

    folder: Path
    format: str
    files: dict[str, int]
    withheld: dict[str, int]
    checks: list[str]
    warnings: list[str]
    changed: bool
    replaced: Path | None = None

    def summary(self) -> Json:
        """As `synth export --json` says it."""
        return {
            "folder": str(self.folder),
            "format": self.format,
            "rows": sum(self.files.values()),
            "files": {file_of(side): self.files[side] for side in SIDES},
            "withheld": self.withheld,
            "checks": self.checks,
            "warnings": self.warnings,
            "changed": self.changed,
            "replaced": str(self.replaced) if self.replaced else None,
        }


def export_run(
    run: Path, *, format: str | None = None, out: Path | None = None, options: ExportOptions | None = None
) -> ExportResult:
    """Writes the kept rows of the run folder `run` as `format`, to `out` or to `RUN/export/FORMAT/`.

    Without `options`, those of the recipe as it was last run apply. Raises `ExportError` where a row cannot
    be expressed, nothing is left or a check fails, `InputError` for no run folder or a folder in the way, and
    `MachineError` for a disk that refuses. What was there before then stays as it is.
    """
    reader = RunReader(run)
    try:
        options = options or ExportOptions.model_validate(reader.recipe["export"])
        form = find_format(format or options.format)
        target = out if out is not None else reader.folder.export / form.name
        check_target(target)
        with workshop(target) as folder:
            job = _Export(reader, form, options, folder)
            checks = job.write()
            changed, replaced = put(folder, target, reader.folder.export / "old")
        return ExportResult(
            target,
            form.name,
            {side: job.tally.rows[side] for side in SIDES},
            dict(sorted(job.tally.withheld.items())),
            checks,
            job.warnings(),
            changed,
            replaced,
        )
    finally:
        reader.close()


@dataclass
class _Export:
    """One export, into a folder of its own."""

    reader: RunReader
    form: Format
    options: ExportOptions
    folder: Path
    tally: Tally = field(default_factory=Tally)
    held_out: int = 0

    def write(self) -> list[str]:
        """Every file; returns the checks that they passed."""
        origins = Origins(self.reader.rows(), self.options.split.test)
        self.held_out = origins.held_out
        files = self._write_rows(origins, self._test_side(origins))
        if not self.tally.total:
            raise self._nothing_left()
        checks = check_export(self.folder, Expected(files, self.form, self.options.system))
        (self.folder / "README.md").write_text(card(self._facts(files, checks)), encoding="utf-8")
        self._write_manifest(files)
        return checks

    def warnings(self) -> list[str]:
        """What the user should know, though nothing is wrong with the files."""
        warnings = []
        if not self.reader.finished:
            pending = self.reader.counts().get("pending", 0)
            warnings.append(f"The run is unfinished: {pending} rows that are still under way are not in it.")
        if not self.tally.rows["test"]:
            warnings.append("test is empty: set real rows aside with `holdout: {rows: N}`.")
        elif not self.held_out:
            warnings.append("test was cut from the drafts: it shares their mistakes. A `holdout` does not.")
        if not self.tally.rows["train"]:
            warnings.append("train is empty.")
        if not self.options.license:
            warnings.append("The card names no licence: set `export.license` to that of your sources.")
        return warnings

    def _test_side(self, origins: Origins) -> TestSide:
        test = TestSide()
        for receipt in self.reader.rows(status="kept"):
            if withheld_because(receipt, self.options) is None and origins.side(receipt["id"]) == "test":
                test.add(receipt)
        return test

    def _write_rows(self, origins: Origins, test: TestSide) -> list[Written]:
        written: set[bytes] = set()
        with ExitStack() as stack:
            splits = {side: stack.enter_context(LinesFile(self.folder / file_of(side))) for side in SIDES}
            receipts = stack.enter_context(LinesFile(self.folder / RECEIPTS))
            for receipt in self.reader.rows(status="kept"):
                side = origins.side(receipt["id"])
                reason = withheld_because(receipt, self.options) or _joins(receipt, side, test)
                if reason is None and side is not None:
                    line = as_line(self.form.write(example_of(receipt, self.options)))
                    mark = hashlib.blake2b(line, digest_size=16).digest()
                    if mark not in written:
                        written.add(mark)
                        splits[side].write(line)
                        receipts.write(as_line({**_without_times(receipt), "split": side}))
                        self.tally.add(receipt, side)
                        continue
                    reason = "duplicate"
                self.tally.withheld[str(reason)] += 1
        return [file.written for file in (*splits.values(), receipts)]

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
            held_out=self.held_out,
            finished=self.reader.finished,
        )

    def _write_manifest(self, files: Iterable[Written]) -> None:
        listed = {file.name: {"rows": file.rows, "sha256": file.sha256} for file in files}
        listed["README.md"] = {"sha256": digest_of(self.folder / "README.md")}
        manifest = {
            "version": FORMAT_VERSION,
            "format": self.form.name,
            "recipe": {"name": self.reader.name, "sha256": recipe_digest(self.reader)},
            "files": listed,
        }
        text = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        (self.folder / MANIFEST).write_bytes(text)

    def _nothing_left(self) -> ExportError:
        withheld = ", ".join(f"{reason}: {count}" for reason, count in sorted(self.tally.withheld.items()))
        return ExportError(
            f"no row is left to export{f' (withheld: {withheld})' if withheld else ''}.",
            where=str(self.reader.folder.path),
            hint="`synth show RUN` says where the rows went; loosen what dropped them, or `export.only`.",
        )


def _joins(receipt: Json, side: Side | None, test: TestSide) -> str | None:
    if side is None or (side == "train" and test.touches(receipt)):
        return "joins_splits"
    return None


def _without_times(receipt: Json) -> Json:
    """Times stay in the run folder, so that the same decisions give the same bytes."""
    review = {key: value for key, value in receipt["review"].items() if key != "at"}
    return {**receipt, "review": review}
