"""The writer thread: collects records and writes them durably in batches.

This is group commit: while the disk is busy with one batch, the next batch collects. A reply's future
resolves when its batch is in the journal, on disk. Derived data (the journal's index and the rows) is written
less often, in larger batches.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import orjson

from synth.llm.chat_completions import read_counts
from synth.row import Row
from synth.slot import Slot, order_key
from synth.store.folder import RunFolder, machine_error, sqlite_error
from synth.store.journal import JournalRecord, JournalWriter, Place, encode
from synth.store.overlay_table import INSERT_OVERLAY, Overlay, RowPlace, overlay_line

INSERT_REPLY = "INSERT OR REPLACE INTO replies VALUES (?,?,?,?,?,?,?,?,?)"
# A row that a later call makes again replaces its line.
_INSERT_ROW = "INSERT OR REPLACE INTO rows VALUES (?,?,?,?,?,?,?,?,?,?,?)"

# The database is written after this number of waiting lines or seconds. Replies and rows are spread all over
# their tables, so a larger batch touches each page fewer times.
_AT_ONCE, _WAIT = 1000, 0.5

# A line of the journal's index: the values of the table `replies`.
Indexed = tuple[bytes, int, int, str, str, int, int, int, int]


@dataclass(slots=True)
class _Append:
    record: JournalRecord
    done: asyncio.Future[None]


@dataclass(slots=True)
class _Commit:
    slot: Slot
    version: int
    overlays: Sequence[Overlay]

    def places(self) -> Iterator[tuple[Row, int | None, RowPlace]]:
        """The rows of the slot in order, each with the stage where it ended and its place."""
        slot = order_key(self.slot.key)
        for position, (row, ended) in enumerate(self.slot.every):
            yield row, ended, RowPlace(slot + position.to_bytes(4, "big"), self.slot.born)


def reply_line(record: JournalRecord, place: Place) -> Indexed:
    """The record's values for the journal's index."""
    prompt = completion = cut = 0
    if record.kind == "reply":
        prompt, completion, cut = _usage(record)
    identity = bytes.fromhex(record.identity)
    model = orjson.loads(record.request).get("model", "") if record.request else ""
    return (
        identity,
        place.offset,
        place.length,
        record.kind,
        model,
        record.max_tokens,
        cut,
        prompt,
        completion,
    )


def _usage(record: JournalRecord) -> tuple[int, int, int]:
    """Prompt tokens, completion tokens, and whether `max_tokens` cut the reply. Zeros for a record without
    an answer.
    """
    try:
        usage, cut = read_counts(record.reply)
    except ValueError:
        return 0, 0, 0
    usage = usage.of(record.request)
    return usage.prompt, usage.completion, int(cut)


def row_line(
    row: Row, place: bytes, version: int, *, born: int = 0, ended: int | None = None
) -> tuple[Any, ...]:
    """The row's values for the table `rows`. `born` and `ended` are indexes of stages."""
    return (
        row.id,
        place,
        born,
        ended,
        row.stage,
        row.status,
        row.reason,
        int(row.draft),
        int(row.held_out),
        version,
        row.to_bytes(),
    )


class StoreWriter:
    """Writes the journal and the database, in a separate thread."""

    def __init__(self, folder: RunFolder, journal: JournalWriter, database: sqlite3.Connection) -> None:
        self._folder = folder
        self._journal = journal
        self._database = database
        self._queue: queue.SimpleQueue[_Append | _Commit | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._error: Exception | None = None
        # Changed by the writer thread, read by the event loop.
        self._unindexed: dict[bytes, list[Indexed]] = {}
        self._thread = threading.Thread(target=self._work, name="synth-writer", daemon=True)
        self._thread.start()

    def append(self, record: JournalRecord) -> asyncio.Future[None]:
        """Queues a record. The future resolves when it is durable, or raises `MachineError`."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put(_Append(record, done))
        return done

    def unindexed(self, identity: bytes) -> Sequence[Indexed]:
        """Records of an identity that are in the journal but not yet in the database.

        Ask here before the database: records that have left here are in the database.
        """
        return self._unindexed.get(identity, ())

    def commit(self, slot: Slot, version: int, overlays: Sequence[Overlay]) -> None:
        """Queues the rows of a slot, and their overlays. Raises the error that stopped an earlier write."""
        if self._error is not None:
            raise self._error
        self._queue.put(_Commit(slot, version, overlays))

    def close(self) -> None:
        """Writes the rest. Raises the error that stopped writing."""
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        commits: list[_Commit] = []
        since = time.monotonic()
        going = True
        while going:
            batch = self._gather(_WAIT if commits or self._unindexed else None)
            going = None not in batch
            appends = [item for item in batch if isinstance(item, _Append)]
            if not commits and not self._unindexed:
                since = time.monotonic()
            commits += [item for item in batch if isinstance(item, _Commit)]
            self._guarded(partial(self._append, appends))
            self._report(appends)
            waiting = max(len(commits), len(self._unindexed))
            if waiting >= _AT_ONCE or time.monotonic() - since >= _WAIT or not going:
                self._guarded(partial(self._flush, commits))
                commits = []
                since = time.monotonic()

    def _gather(self, seconds: float | None) -> list[_Append | _Commit | None]:
        """All queued items. Waits at most `seconds` seconds for the first one."""
        try:
            batch = [self._queue.get(timeout=seconds)]
        except queue.Empty:
            return []
        while not self._queue.empty():
            batch.append(self._queue.get())
        return batch

    def _guarded(self, write: Callable[[], None]) -> None:
        """Writes, and stores the error that stops it. After an error, nothing more is written."""
        if self._error is not None:
            return
        try:
            write()
        except OSError as error:
            self._error = machine_error(error, self._folder.path)
        except sqlite3.OperationalError as error:
            self._error = sqlite_error(error, self._folder.path)
        except Exception as error:  # noqa: BLE001 - raised again in the event loop's thread, which waits for it
            self._error = error

    def _append(self, appends: Sequence[_Append]) -> None:
        """Writes records durably."""
        if not appends:
            return
        encoded = [encode(item.record) for item in appends]
        offset = self._journal.append(encoded)
        for item, data in zip(appends, encoded, strict=True):
            line = reply_line(item.record, Place(offset, len(data)))
            self._unindexed.setdefault(line[0], []).append(line)
            offset += len(data)

    def _flush(self, commits: Sequence[_Commit]) -> None:
        """Writes the waiting lines to the database."""
        # In the table's order, so that neighbours are written together.
        lines = sorted((line for lines in self._unindexed.values() for line in lines), key=itemgetter(0, 1))
        if not lines and not commits:
            return
        self._database.execute("BEGIN")
        self._database.executemany(INSERT_REPLY, lines)
        self._database.executemany(_INSERT_ROW, _row_lines(commits))
        self._database.executemany(INSERT_OVERLAY, _overlay_lines(commits))
        self._database.execute("COMMIT")
        # After the commit, so that the event loop finds each record in one of the two places at any time.
        self._unindexed = {}

    def _report(self, appends: Sequence[_Append]) -> None:
        if appends and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_resolve, appends, self._error)


def _row_lines(commits: Sequence[_Commit]) -> Iterator[tuple[Any, ...]]:
    """Yields one line at a time: a receipt takes several KB while it is written."""
    for commit in commits:
        for row, ended, place in commit.places():
            yield row_line(row, place.place, commit.version, born=place.born or 0, ended=ended)


def _overlay_lines(commits: Sequence[_Commit]) -> Iterator[tuple[Any, ...]]:
    for commit in commits:
        overlays = {overlay.row.id: overlay for overlay in commit.overlays}
        for row, _, place in commit.places() if overlays else ():
            if row.id in overlays:
                yield overlay_line(overlays[row.id], place)


def _resolve(appends: Sequence[_Append], error: Exception | None) -> None:
    for item in appends:
        if item.done.cancelled():
            continue
        if error is None:
            item.done.set_result(None)
        else:
            item.done.set_exception(error)
