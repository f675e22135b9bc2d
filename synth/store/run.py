"""Opens a run folder to write: stores and finds replies, commits rows, resumes at any point."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from synth.errors import SynthError
from synth.llm.base import Json, Request, Usage
from synth.slot import Slot
from synth.store import checksums, database
from synth.store.folder import RunFolder, machine_error, sqlite_error, write_atomically
from synth.store.journal import JournalRecord, JournalWriter, Place, decode, read_records
from synth.store.overlay_table import Overlay, OverlayTable
from synth.store.review_log import DecisionLog
from synth.store.writer import INSERT_REPLY, Indexed, StoreWriter, reply_line

# Requests of a new run folder whose replies are known without a look-up.
_ANSWERED_KNOWN = 100_000


@dataclass(frozen=True, slots=True)
class JournalReply:
    """The journal's answer to a request: its raw reply, or the message of its failure."""

    failed: bool
    raw: bytes


@dataclass(frozen=True, slots=True)
class ModelUse:
    """The requests and tokens of one model, over all calls of a run."""

    model: str
    requests: int
    usage: Usage


class RunStore:
    """A writable run folder. Use it inside one event loop, and `close` it. Opening takes the folder's
    lock.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.folder = RunFolder(path)
        self._lock = self.folder.take(name)
        try:
            checksums.check_decisions(self.folder)
            self._database, indexed = _open_database(self.folder)
            # Two connections: the event loop must not read inside the writer thread's open transaction.
            self._reading = database.connect(self.folder.database, writable=True)
            self._journal = self._open_journal(indexed)
        except sqlite3.OperationalError as error:
            os.close(self._lock)
            raise sqlite_error(error, path) from None
        except OSError as error:
            os.close(self._lock)
            raise machine_error(error, path) from None
        except SynthError:
            os.close(self._lock)
            raise
        self.version = int(self._meta("version") or 0)
        self._writer: StoreWriter | None = None
        # Failures in the journal before this byte are retried.
        self._retry_before = self._last_retry()
        # In a new run folder, only requests of this call can have a reply, so most look-ups find nothing.
        # They are skipped while this set is small: ten megabytes at its largest.
        self._answered: set[bytes] | None = set() if self.size == 0 else None

    def start(self) -> None:
        """Starts the writer thread. Needs a running event loop."""
        self._writer = StoreWriter(self.folder, self._journal, self._database)

    def _open_journal(self, indexed: int) -> JournalWriter:
        """Indexes the journal from byte `indexed` on, and removes a torn tail."""
        file = self.folder.journal
        size = file.stat().st_size if file.exists() else 0
        if indexed > size or not _is_index_of(self._database, file):
            # The journal is shorter than its index, or was replaced (power loss, copy). The journal is the
            # source of truth, so the index is rebuilt.
            self._database.execute("DELETE FROM replies")
            indexed = 0
        self._database.execute("BEGIN")
        for place, record in read_records(file, indexed):
            self._database.execute(INSERT_REPLY, reply_line(record, place))
            indexed = place.offset + place.length
        self._database.execute("COMMIT")
        return JournalWriter(file, indexed)

    @property
    def size(self) -> int:
        """The size of the journal in bytes."""
        return self._journal.end

    def find(self, request: Request) -> JournalReply | None:
        """The journal's answer to `request`, if it is still valid under the request's `max_tokens`.

        A reply that was not cut would be the same under a higher limit. The reported number of tokens matters
        only if the limit is lower now, because servers count tokens differently.
        """
        identity = bytes.fromhex(request.identity)
        if self._answered is not None and identity not in self._answered:
            return None
        for _, offset, length, kind, _, max_tokens, cut, _, tokens in self._indexed(identity):
            if kind == "failure" and offset < self._retry_before:
                continue
            # A cut reply is valid only for the limit that cut it.
            same = max_tokens == request.max_tokens
            whole = not cut and min(tokens, max_tokens) <= request.max_tokens
            if kind == "failure" or same or whole:
                record = _record(self._journal.read(Place(offset, length)))
                # A damaged record, or one of another journal, is no answer: the request is sent again.
                if record is not None and record.identity == request.identity:
                    return JournalReply(record.kind == "failure", record.reply)
        return None

    def _indexed(self, identity: bytes) -> list[Indexed]:
        """The journal's records for an identity, in order."""
        # In this order, because the writer moves records only from here to the database. A record that it
        # moves in between is found twice.
        waiting = self._writer.unindexed(identity) if self._writer is not None else ()
        lines = self._reading.execute(
            "SELECT * FROM replies WHERE identity = ? ORDER BY offset", (identity,)
        ).fetchall()
        return lines + [line for line in waiting if line not in lines]

    def append(self, request: Request, raw: bytes, *, failed: bool = False) -> asyncio.Future[None]:
        """Journals the response to `request`. The future resolves when it is durable."""
        if self._answered is not None:
            self._answered.add(bytes.fromhex(request.identity))
            if len(self._answered) > _ANSWERED_KNOWN:
                self._answered = None
        record = JournalRecord(
            "failure" if failed else "reply", request.identity, request.canonical, raw, request.max_tokens
        )
        return self._to_writer().append(record)

    async def retry_failures(self) -> bool:
        """Allows failed requests to be sent again (`--retry-failed`). Returns False if none failed."""
        failed = self._reading.execute(
            "SELECT 1 FROM replies WHERE kind = 'failure' AND offset >= ? LIMIT 1", (self._retry_before,)
        )
        if failed.fetchone() is None:
            return False
        await self.mark_retry()
        return True

    async def mark_retry(self) -> None:
        """Marks all failures so far for a retry. Deletes nothing: their tokens still count."""
        await self._to_writer().append(JournalRecord("retry_failed", "", b"", b"", 0))
        self._retry_before = self._last_retry()

    def _last_retry(self) -> int:
        """The position of the last `retry_failures` mark in the journal. A mark has no identity."""
        return max((offset for _, offset, *_ in self._indexed(b"")), default=0)

    def begin(self, fingerprint: str, recipe: Json, base: Path) -> bool:
        """Starts a call. Returns whether a finished run of exactly this recipe, sources and journal is here.

        A new fingerprint, or a retry of failures, starts a new version: rows that are not made again become
        `superseded`. The recipe's paths are relative to `base`, which is stored relative to the run folder,
        so that both can be moved together.
        """
        try:
            write_atomically(self.folder.recipe, orjson.dumps(recipe, option=orjson.OPT_INDENT_2) + b"\n")
        except OSError as error:
            raise machine_error(error, self.folder.path) from None
        beside = os.path.relpath(base.resolve(), self.folder.path.resolve())
        if self._meta("base") != beside:
            self._put("base", beside)
        # With the journal's size, because a reply that was added or lost may change rows.
        if self._meta("finished") == f"{fingerprint}:{self.size}":
            return True
        # Committed in one transaction, so that no reader sees rows of one version as a finished other
        # version.
        self._change("BEGIN IMMEDIATE")
        made_from = f"{fingerprint}:{self._retry_before}" if self._retry_before else fingerprint
        if self._meta("fingerprint") != made_from:
            self.version += 1
            self._put("version", str(self.version))
            self._put("fingerprint", made_from)
        self._put("finished", "")
        # Pending rows are from the call that stopped. This call makes them again, as far as it gets.
        self._change("DELETE FROM rows WHERE status = 'pending'")
        self._change("COMMIT")
        return False

    @property
    def decisions(self) -> DecisionLog:
        """What people decided."""
        return DecisionLog(self.folder.decisions)

    @property
    def overlay(self) -> OverlayTable:
        """The overlay table. Use it only while nothing is being written."""
        return OverlayTable(self._reading, self.folder.path)

    def commit(self, slot: Slot, overlays: Sequence[Overlay] = ()) -> None:
        """Commits the rows of a slot, and their overlays.

        They are written a little later. After a crash before that, the next call makes them again from the
        journal.
        """
        self._to_writer().commit(slot, self.version, overlays)

    def finish(self, fingerprint: str, notes: Json) -> None:
        """Marks the run as finished, so that the next call has nothing to do."""
        self.drain()
        self._put("notes", orjson.dumps(notes).decode())
        self._put("finished", f"{fingerprint}:{self.size}")

    def note_call(self, call: Json) -> None:
        """Adds this call's counters to the totals."""
        total = orjson.loads(self._meta("total") or "{}")
        for key, value in call.items():
            total[key] = round(total.get(key, 0) + value, 3)
        self._put("total", orjson.dumps(total).decode())

    def usage(self) -> list[ModelUse]:
        """Requests and tokens by model, over all calls.

        Older versions indexed any number that a server reported, so numbers below 0 or above 10^9 count as 0.
        """
        lines = self._reading.execute(
            "SELECT model, count(*),"
            " sum(iif(prompt_tokens BETWEEN 0 AND 1000000000, prompt_tokens, 0)),"
            " sum(iif(completion_tokens BETWEEN 0 AND 1000000000, completion_tokens, 0)) FROM replies"
            " WHERE kind != 'retry_failed' GROUP BY model ORDER BY model"
        )
        return [
            ModelUse(model, requests, Usage(prompt, completion))
            for model, requests, prompt, completion in lines
        ]

    def drain(self) -> None:
        """Waits until everything is written. Raises the error that stopped writing."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def close(self) -> None:
        """Writes the rest, and releases the folder."""
        whole = False
        try:
            self.drain()
            whole = True
        finally:
            self._reading.close()
            # Closing the last connection merges the write-ahead log into the file. On a full disk the log
            # stays.
            self._database.close()
            self._journal.close()
            try:
                if whole:
                    checksums.note(self.folder)
            except OSError as error:
                raise machine_error(error, self.folder.path) from None
            finally:
                os.close(self._lock)

    def _to_writer(self) -> StoreWriter:
        assert self._writer is not None, "RunStore.start() comes first"
        return self._writer

    def _meta(self, key: str) -> str | None:
        line = self._reading.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return line[0] if line else None

    def _put(self, key: str, value: str) -> None:
        self._change("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _change(self, statement: str, values: tuple[str, ...] = ()) -> None:
        try:
            self._reading.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise sqlite_error(error, self.folder.path) from None


def _open_database(folder: RunFolder) -> tuple[sqlite3.Connection, int]:
    """The database, and the number of journal bytes that it has indexed.

    A damaged database is rebuilt, since it is derived data. After a kill its state is unknown, so all of it
    is checked.
    """
    connection = None
    try:
        checksums.check_to_write(folder)
        noted = checksums.is_noted(folder)
        # Before the first write: without checksums, the call after a kill checks the whole database.
        checksums.forget(folder)
        connection = database.connect(folder.database, writable=True)
        if not noted:
            database.check(connection, folder.database)
        return connection, _indexed_up_to(connection)
    except database.DamagedDatabase:
        if connection is not None:
            connection.close()
        checksums.forget(folder)
        for leftover in database.files_of(folder.database):
            leftover.unlink(missing_ok=True)
        return database.connect(folder.database, writable=True), 0


def _is_index_of(connection: sqlite3.Connection, journal: Path) -> bool:
    """Whether the last indexed record is at its indexed position in the journal."""
    line = connection.execute(
        "SELECT identity, offset, length FROM replies ORDER BY offset DESC LIMIT 1"
    ).fetchone()
    if line is None:
        return True
    identity, offset, length = line
    with journal.open("rb") as content:
        content.seek(offset)
        record = _record(content.read(length))
    return record is not None and record.identity == identity.hex()


def _record(data: bytes) -> JournalRecord | None:
    try:
        return decode(data)
    except ValueError:
        return None


def _indexed_up_to(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT max(offset + length) FROM replies").fetchone()[0] or 0)
