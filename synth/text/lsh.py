"""A hash table for banded MinHash signatures that holds tens of millions of entries in a few hundred MB."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

_FULL = 0.6  # share of the slots in use at which the table doubles
_TAIL = 1024  # free slots behind the last home slot, so that no search has to wrap around
_ROW = 0xFFFFFFFF


class Buckets:
    """Rows filed under 32-bit keys, many rows a key, about 16 bytes an entry.

    Open addressing with linear probing in one array: an entry is its key and its row in 64 bits (0 is free),
    and the key's upper bits are its home slot. A bucket takes `limit` rows and then no more, so that a corpus
    stamped from one template costs neither time nor memory that grows with its square.
    """

    def __init__(self, limit: int = 32) -> None:
        self._limit = limit
        self._bits = 12
        self._slots = array("Q", [0]) * ((1 << self._bits) + _TAIL)
        self._used = 0

    def rows(self, keys: Iterable[int]) -> list[int]:
        """The rows filed under any of the keys; a row stands there once for each key that it shares."""
        slots, shift = self._slots, 32 - self._bits
        found = []
        for key in keys:
            slot = key >> shift
            while entry := slots[slot]:
                if entry >> 32 == key:
                    found.append((entry & _ROW) - 1)
                slot += 1
        return found

    def add(self, keys: Iterable[int], row: int) -> None:
        """File a row (below 2**32 - 1) under each of the keys whose bucket is not full."""
        slots, shift, limit = self._slots, 32 - self._bits, self._limit
        for key in keys:
            slot, same = key >> shift, 0
            while entry := slots[slot]:
                if entry >> 32 == key:
                    same += 1
                slot += 1
            if same >= limit:
                continue
            slots[slot] = key << 32 | row + 1
            self._used += 1
            if slot == len(slots) - 1:  # a search ends at a free slot, so one must stand last
                slots.extend([0] * _TAIL)
        if self._used > _FULL * (1 << self._bits):
            self._double()

    def _double(self) -> None:
        """Sorted entries are sorted by home slot: each takes its home, or else the slot after the last."""
        import numpy as np

        entries = np.frombuffer(self._slots, dtype=np.uint64)
        entries = np.sort(entries[entries > 0])
        self._bits += 1
        order = np.arange(len(entries))
        places = (entries >> np.uint64(64 - self._bits)).astype(np.int64) - order
        np.maximum.accumulate(places, out=places)
        places += order
        slots = array("Q", [0]) * (max(1 << self._bits, int(places[-1]) + 1) + _TAIL)
        np.frombuffer(slots, dtype=np.uint64)[places] = entries
        self._slots = slots
