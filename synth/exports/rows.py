"""The rows of an export: which of a run's rows leave, on which side, written once and one after another.

Nothing but digests and the prompts of `test` is held in memory (with `export.mix`, all prompts): the rows are
read three times.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from synth.errors import ExportError
from synth.exports.balance import Copies
from synth.exports.check import RECEIPTS, file_of
from synth.exports.example import Example, examples_of, prompt_text
from synth.exports.files import LinesFile, Written, as_line
from synth.exports.formats.base import Format
from synth.exports.lengths import target_model
from synth.exports.mix import Mixture, Share
from synth.exports.select import withheld_because
from synth.exports.sides import SIDES, Origins, Side, TestSide
from synth.exports.tally import Tally
from synth.exports.templates import Templates
from synth.llm.base import Json
from synth.recipe.model import ExportOptions
from synth.row import Row
from synth.store import RunReader
from synth.text.similarity.near_duplicates import NearDuplicateIndex


class RowWriter:
    """Writes the splits and the receipts of a run in one format, and counts into `tally`."""

    def __init__(
        self, reader: RunReader, form: Format, options: ExportOptions, tally: Tally, base: Path
    ) -> None:
        self._reader = reader
        self._base = base
        self.shares: list[Share] = []
        self._form = form
        self._options = options
        self._as_it_is = options.model_copy(update={"system": None})  # for general rows
        self._tally = tally
        self._origins = Origins(reader.rows(), options.split.test)
        self._target = target_model(options, base)
        self.templates = Templates()
        self._written: set[bytes] = set()
        self._copies = Copies(options.balance) if options.balance else None

    @property
    def held_out(self) -> int:
        """How many rows the run had set aside."""
        return self._origins.held_out

    def write(self, folder: Path) -> list[Written]:
        """The splits and the receipts. Raises `ExportError` for a row that cannot be expressed."""
        with ExitStack() as stack:
            splits = {side: stack.enter_context(LinesFile(folder / file_of(side))) for side in SIDES}
            receipts = stack.enter_context(LinesFile(folder / RECEIPTS))
            for line, receipt in itertools.chain(self._own(), self._mixed()):
                splits[receipt["split"]].write(line)
                receipts.write(as_line(receipt))
                if self._copies and receipt["split"] == "train":
                    self._copies.add(receipt, line)
            if self._copies:
                splits["train"].flush()
                receipts.flush()
                for line, receipt, group in self._copies.again(folder / file_of("train"), folder / RECEIPTS):
                    splits["train"].write(line)
                    receipts.write(as_line(receipt))
                    self._tally.add_copy(group)
        return [file.written for file in (*splits.values(), receipts)]

    def _own(self) -> Iterator[tuple[bytes, Json]]:
        """The run's own rows, each as its line and its receipt."""
        test, expected = self._test_side()
        for receipt in self._rows():
            expected -= 1
            side = self._origins.side(receipt["id"])
            reason = withheld_because(receipt, self._options, self._form.kind)
            if reason is None and (side is None or (side == "train" and test.touches(receipt))):
                reason = "joins_splits"
            if reason is not None or side is None:
                self._tally.withheld[reason or "joins_splits"] += 1
                continue
            for line, note in self._lines(receipt, self._options):
                self._tally.add(receipt, side, note)
                about = {"split": side, **({"preference": note} if note else {})}
                yield line, {**_without_times(receipt), **about}
        if expected:
            raise ExportError(
                "changed while it was exported.",
                where=str(self._reader.folder.path),
                hint="Wait until the run is finished, then export again.",
            )

    def _rows(self) -> Iterator[Json]:
        """Kept rows; where answers are judged one by one, also those that a person rejected."""
        if self._form.kind != "judgement":
            yield from self._reader.rows(status="kept")
            return
        for receipt in self._reader.rows():
            if receipt["status"] == "kept" or (
                receipt["status"] == "dropped" and receipt["review"]["status"] == "rejected"
            ):
                yield receipt

    def _mixed(self) -> Iterator[tuple[bytes, Json]]:
        """General data, as much as `export.mix` wants beside the rows of each split that were written."""
        if not self._options.mix:
            return
        ours = NearDuplicateIndex()
        for receipt in self._rows():
            if text := prompt_text(receipt):
                ours.add(text)
        mixture = Mixture(self._options.mix, self._base, ours, self._tokens)
        self.shares = mixture.shares
        sides: tuple[Side, ...] = ("test", "train")  # train gives way here, too
        for side in sides:
            for receipt in mixture.rows(side, self._tally.rows[side]):
                for line, _ in self._lines(receipt, self._as_it_is):
                    self._tally.add(receipt, side, {})
                    yield line, {**receipt, "split": side}

    def _tokens(self, row: Row) -> int:
        """The tokens of a general row, for the model to train."""
        assert self._target is not None, "ExportOptions asks for a model where tokens are to be counted"
        example, _ = next(examples_of(row.receipt(), "answer", self._as_it_is))
        return self._target.length(example)

    def _test_side(self) -> tuple[TestSide, int]:
        """The rows of `test`, and how many rows there are in all."""
        test, count = TestSide(self._options.split.meaning), 0
        for receipt in self._rows():
            count += 1
            leaves = withheld_because(receipt, self._options, self._form.kind) is None
            if leaves and self._origins.side(receipt["id"]) == "test":
                test.add(receipt)
        return test, count

    def _lines(self, receipt: Json, options: ExportOptions) -> Iterator[tuple[bytes, Json]]:
        """The lines that a row gives; counts the row as withheld where it gives none."""
        reason = {"pair": "no_pair", "judgement": "no_judgement"}.get(self._form.kind, "duplicate")
        wrote = False
        for example, note in examples_of(receipt, self._form.kind, options):
            line = self._line(example)
            if isinstance(line, str):
                reason = line
                continue
            wrote = True
            self.templates.look(example)
            yield line, note
        if not wrote:
            self._tally.withheld[reason] += 1

    def _line(self, example: Example) -> bytes | str:
        """The line, or the code of why there is none."""
        try:
            line = as_line(self._form.write(example))
            if self._too_long(example):
                return "too_long"
        except ExportError:
            if self._options.unfit == "withhold":
                return "unfit"
            raise
        mark = hashlib.blake2b(line, digest_size=16).digest()
        if mark in self._written:
            return "duplicate"
        self._written.add(mark)
        return line

    def _too_long(self, example: Example) -> bool:
        """Whether the model would see the row cut. Raises `ExportError` where it would lose a text."""
        if self._target is None:
            return False
        if lost := self._target.leaves_out(example):
            raise ExportError(f"cannot be trained on: {lost}.", where=f"row {example.id}")
        limit = self._options.max_length
        return limit is not None and self._target.length(example) > limit


def _without_times(receipt: Json) -> Json:
    """Times stay in the run folder, so that the same decisions give the same bytes."""
    review = {key: value for key, value in receipt["review"].items() if key != "at"}
    return {**receipt, "review": review}
