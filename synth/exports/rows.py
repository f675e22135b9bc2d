"""Writes the rows of an export, one after another, each into its split.

Only digests and the prompts of `test` are kept in memory (with `export.mix`, all prompts). That is why the
run is read three times: the lineages, the rows of `test`, and all rows.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from synth.errors import ExportError
from synth.exports.balance import Copies
from synth.exports.chat_template_checks import Templates
from synth.exports.check import RECEIPTS, file_of
from synth.exports.counts import ExportCounts
from synth.exports.eligibility import WithheldReason, withheld_because
from synth.exports.example import TrainingExample, examples_of
from synth.exports.exported_row import ExportedRow
from synth.exports.files import LinesFile, Written, as_line
from synth.exports.formats.base import Format
from synth.exports.mix import MixShare, Mixture
from synth.exports.preferences import Preference
from synth.exports.splits import SPLITS, Origins, Split, TestSplitGuard
from synth.exports.target_model import target_model
from synth.recipe.model import ExportOptions
from synth.row import Row
from synth.store import RunReader
from synth.text.similarity.near_duplicates import NearDuplicateIndex

# Why a row gives no line, by the kind of record in the format.
_UNWRITTEN = {"pair": WithheldReason.NO_PAIR, "judgement": WithheldReason.NO_JUDGEMENT}


class RowWriter:
    """Writes the splits and the receipts of a run in one format, and counts into `tally`."""

    def __init__(
        self, reader: RunReader, form: Format, options: ExportOptions, tally: ExportCounts, base: Path
    ) -> None:
        self._reader = reader
        self._base = base
        self.shares: list[MixShare] = []
        self._form = form
        self._options = options
        self._as_it_is = options.model_copy(update={"system": None})  # for general rows
        self._tally = tally
        self._origins = Origins(reader.lineages(), options.split.test)
        self._target = target_model(options, base)
        self.templates = Templates()
        self._written: set[bytes] = set()
        self._copies = Copies(options.balance) if options.balance else None

    @property
    def held_out(self) -> int:
        """The number of rows in the run's holdout."""
        return self._origins.held_out

    def write(self, folder: Path) -> list[Written]:
        """Writes the splits and the receipts. Raises `ExportError` if the format cannot express a row."""
        with ExitStack() as stack:
            splits = {split: stack.enter_context(LinesFile(folder / file_of(split))) for split in SPLITS}
            receipts = stack.enter_context(LinesFile(folder / RECEIPTS))
            for line, exported in itertools.chain(self._own(), self._mixed()):
                splits[exported.split].write(line)
                receipts.write(as_line(exported.to_json()))
                self._tally.add(exported)
                if self._copies and exported.split == "train":
                    self._copies.add(exported, line)
            if self._copies:
                splits["train"].flush()
                receipts.flush()
                for line, exported, group in self._copies.again(folder / file_of("train"), folder / RECEIPTS):
                    splits["train"].write(line)
                    receipts.write(as_line(exported.to_json()))
                    self._tally.add_copy(group)
        return [file.written for file in (*splits.values(), receipts)]

    def _own(self) -> Iterator[tuple[bytes, ExportedRow]]:
        """The run's own rows, each with its line."""
        test, expected = self._test_guard(), self._reader.count("kept")
        for row in self._rows():
            expected -= row.status == "kept"
            split = self._origins.split(row.id)
            reason = withheld_because(row, self._options, self._form.kind)
            if reason is None and (split is None or (split == "train" and test.touches(row))):
                reason = WithheldReason.JOINS_SPLITS
            if reason is not None or split is None:
                self._tally.withheld[reason or WithheldReason.JOINS_SPLITS] += 1
                continue
            for line, preference in self._lines(row, self._options):
                yield line, ExportedRow(row, split, preference)
        if expected:
            raise ExportError(
                "changed while it was exported.",
                where=str(self._reader.folder.path),
                hint="Wait until the run is finished, then export again.",
            )

    def _rows(self, only: Callable[[str], bool] | None = None) -> Iterator[Row]:
        """Kept rows. For formats of single judged answers, also the rows that a person rejected."""
        if self._form.kind != "judgement":
            yield from self._reader.rows(status="kept", only=only)
            return
        for row in self._reader.rows(only=only):
            if row.status == "kept" or (row.status == "dropped" and row.review.status == "rejected"):
                yield row

    def _mixed(self) -> Iterator[tuple[bytes, ExportedRow]]:
        """The general data of `export.mix`, in proportion to the written rows of each split."""
        if not self._options.mix:
            return
        ours = NearDuplicateIndex()
        for row in self._rows():
            if text := row.conversation.prompt_text:
                ours.add(text)
        mixture = Mixture(self._options.mix, self._base, ours, self._tokens)
        self.shares = mixture.shares
        splits: tuple[Split, ...] = ("test", "train")  # the row in test is kept here, too
        for split in splits:
            for exported in mixture.rows(split, self._tally.rows[split]):
                for line, _ in self._lines(exported.row, self._as_it_is):
                    yield line, exported

    def _tokens(self, row: Row) -> int:
        """The tokens of a general row in the tokenizer of the model to train."""
        assert self._target is not None, "ExportOptions asks for a model where tokens are to be counted"
        example, _ = next(examples_of(row, "answer", self._as_it_is))
        return self._target.length(example)

    def _test_guard(self) -> TestSplitGuard:
        """A guard that knows the rows of `test`."""
        test = TestSplitGuard(self._options.split.meaning)
        for row in self._rows(lambda row_id: self._origins.split(row_id) == "test"):
            if withheld_because(row, self._options, self._form.kind) is None:
                test.add(row)
        return test

    def _lines(self, row: Row, options: ExportOptions) -> Iterator[tuple[bytes, Preference | None]]:
        """The lines of a row. Counts the row as withheld if there are none."""
        reason = _UNWRITTEN.get(self._form.kind, WithheldReason.DUPLICATE)
        wrote = False
        for example, preference in examples_of(row, self._form.kind, options):
            line = self._line(example)
            if isinstance(line, WithheldReason):
                reason = line
                continue
            wrote = True
            self.templates.look(example)
            yield line, preference
        if not wrote:
            self._tally.withheld[reason] += 1

    def _line(self, example: TrainingExample) -> bytes | WithheldReason:
        """The line, or the reason if there is none."""
        try:
            line = as_line(self._form.write(example))
            if self._too_long(example):
                return WithheldReason.TOO_LONG
        except ExportError:
            if self._options.on_unsupported == "withhold":
                return WithheldReason.UNFIT
            raise
        mark = hashlib.blake2b(line, digest_size=16).digest()
        if mark in self._written:
            return WithheldReason.DUPLICATE
        self._written.add(mark)
        return line

    def _too_long(self, example: TrainingExample) -> bool:
        """Whether the trainer would cut the row. Raises `ExportError` if the chat template loses a text."""
        if self._target is None:
            return False
        if lost := self._target.leaves_out(example):
            raise ExportError(f"cannot be trained on: {lost}.", where=f"row {example.id}")
        limit = self._options.max_length
        return limit is not None and self._target.length(example) > limit
