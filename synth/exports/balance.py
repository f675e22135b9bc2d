"""Repeats rows of `train`, so that small languages, labels or sources are not outnumbered.

Sampling with temperature T takes a group of n rows in proportion to n^(1/T), as XLM-R samples languages
(arXiv:1911.02116). No row is removed: the largest group keeps its size, and the rows of a group of n are
repeated until the group has n (n_max / n)^(1 - 1/T) rows, and at most `most` * n. Copies are written after
all other rows of `train`. `test` gets no copies.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import orjson

from synth.exports.exported_row import ExportedRow
from synth.exports.strata import group_of
from synth.recipe.model import Balance
from synth.stable_hash import fraction


def wanted_sizes(sizes: Mapping[str, int], balance: Balance) -> dict[str, int]:
    """The target size of each group in rows, including copies; never below its current size."""
    largest = max(sizes.values(), default=0)
    wanted = {}
    for group, size in sizes.items():
        times = (largest / size) ** (1.0 - 1.0 / balance.temperature)
        wanted[group] = round(size * min(times, balance.most))
    return wanted


class Copies:
    """Selects the rows of `train` to repeat. Keeps 8 bytes per row in memory; the rows are read from their
    files.
    """

    def __init__(self, balance: Balance) -> None:
        self._balance = balance
        self._places: dict[str, array[float]] = {}
        self._count = 0

    def add(self, exported: ExportedRow, line: bytes) -> None:
        """Registers a row that was written to `train`."""
        self._count += 1
        group = group_of(exported, self._balance.by)
        self._places.setdefault(group, array("d")).append(_place(line))

    def again(self, train: Path, receipts: Path) -> Iterator[tuple[bytes, ExportedRow, str]]:
        """Yields the line, the row and the group of each copy. Both files may grow during the iteration."""
        plan = {}
        wanted = wanted_sizes({group: len(places) for group, places in self._places.items()}, self._balance)
        for group, places in self._places.items():
            each, rest = divmod(wanted[group] - len(places), len(places))
            plan[group] = each, sorted(places)[:rest]
        with train.open("rb") as lines:
            for exported, line in zip(_of_train(receipts, self._count), lines, strict=False):
                group = group_of(exported, self._balance.by)
                each, first = plan[group]
                place = _place(line)
                at = bisect_left(first, place)
                chosen = at < len(first) and first[at] == place
                for number in range(1, each + chosen + 1):
                    yield line, replace(exported, copy=number), group


def _of_train(receipts: Path, count: int) -> Iterator[ExportedRow]:
    """The first `count` rows of `train`."""
    with receipts.open("rb") as lines:
        while count:
            exported = ExportedRow.from_json(orjson.loads(next(lines)))
            if exported.split == "train":
                count -= 1
                yield exported


def _place(line: bytes) -> float:
    """The priority of a row when only a part of its group is repeated; depends only on the line."""
    return fraction("split", "copy", line.decode())
