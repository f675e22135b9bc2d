"""Rows of `train` written more than once, so that small languages, labels or sources are not drowned.

Sampling with a temperature T takes groups of n rows in proportion to n^(1/T), as XLM-R draws languages
(arXiv:1911.02116). No row is left out for it: the largest group stays as it is, and the rows of one of n are
repeated until it has n (n_max / n)^(1 - 1/T) of them, or `most` times as many as before. Copies stand behind
all other rows of `train`, and nowhere else: what a model is tested on has no copy.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import orjson

from synth.exports.exported import ExportedRow
from synth.exports.strata import group_of
from synth.recipe.model import Balance
from synth.stable import fraction


def wanted_sizes(sizes: Mapping[str, int], balance: Balance) -> dict[str, int]:
    """How many rows each group is to have, its copies among them. Never fewer than it has."""
    largest = max(sizes.values(), default=0)
    wanted = {}
    for group, size in sizes.items():
        times = (largest / size) ** (1.0 - 1.0 / balance.temperature)
        wanted[group] = round(size * min(times, balance.most))
    return wanted


class Copies:
    """Which rows of `train` are written again. Holds 8 bytes a row; the rows are read from their files."""

    def __init__(self, balance: Balance) -> None:
        self._balance = balance
        self._places: dict[str, array[float]] = {}
        self._count = 0

    def add(self, exported: ExportedRow, line: bytes) -> None:
        """Takes note of a row of `train` that was written."""
        self._count += 1
        group = group_of(exported, self._balance.by)
        self._places.setdefault(group, array("d")).append(_place(line))

    def again(self, train: Path, receipts: Path) -> Iterator[tuple[bytes, ExportedRow, str]]:
        """The line, the row and the group of each copy. Both files may grow at their end meanwhile."""
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
    """Where a row stands among those that are repeated first: a matter of what is written alone."""
    return fraction("split", "copy", line.decode())
