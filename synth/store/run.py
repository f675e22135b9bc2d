"""A run folder opened to write: replies in and out of the journal, rows committed, resumable at any time."""

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
from synth.store import database, sums
from synth.store.decisions import DecisionLog
from synth.store.folder import RunFolder, machine_error, sqlite_error, write_atomically
from synth.store.journal import JournalRecord, JournalWriter, Place, decode, read_records
from synth.store.overlay import Overlay, OverlayTable
from synth.store.writer import INSERT_REPLY, Indexed, StoreWriter, reply_line


@dataclass(frozen=True, slots=True)
class JournalReply:
    """What the journal knows about a request: its raw reply, or the words of its failure."""

    failed: bool
    raw: bytes


@dataclass(frozen=True, slots=True)
class ModelUse:
    """All that one model was asked over all calls of a run."""

    model: str
    requests: int
    usage: Usage


class RunStore:
    """Use it inside one event loop, and `close` it; opening takes the folder's lock."""

    def __init__(self, path: Path, name: str) -> None:
        self.folder = RunFolder(path)
        self._lock = self.folder.take(name)
        try:
            sums.check_decisions(self.folder)
            self._database, indexed = _open_database(self.folder)
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
        # Failures that the journal holds before this byte are to be asked for once more.
        self._retry_before = self._last_retry()

    def start(self) -> None:
        """Starts the writing thread; needs a running event loop."""
        self._writer = StoreWriter(self.folder, self._journal, self._database)

    def _open_journal(self, indexed: int) -> JournalWriter:
        """Indexes what the database does not know yet, from byte `indexed` on, and cuts a torn tail off."""
        file = self.folder.journal
        size = file.stat().st_size if file.exists() else 0
        if indexed > size or not _is_index_of(self._database, file):
            # The journal is shorter than when it was indexed, or another one (a power loss, a copy): it is
            # the truth.
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
        """Bytes of the journal."""
        return self._journal.end

    def find(self, request: Request) -> JournalReply | None:
        """The answer that the journal holds for `request`, if it still is one under its `max_tokens`.

        What ended by itself would have done so under a higher limit, too. Only where the limit is lower now
        does it matter how many tokens the server reported: servers count them in ways of their own.
        """
        identity = bytes.fromhex(request.identity)
        for _, offset, length, kind, _, max_tokens, cut, _, tokens in self._indexed(identity):
            if kind == "failure" and offset < self._retry_before:
                continue
            same = max_tokens == request.max_tokens
            whole = not cut and min(tokens, max_tokens) <= request.max_tokens
            if kind == "failure" or same or whole:
                record = _record(self._journal.read(Place(offset, length)))
                # A damaged record, or one of another journal, answers nothing: the request is asked again.
                if record is not None and record.identity == request.identity:
                    return JournalReply(record.kind == "failure", record.reply)
        return None

    def _indexed(self, identity: bytes) -> list[Indexed]:
        """What the journal has for an identity, in its order."""
        waiting = self._writer.unindexed(identity) if self._writer is not None else ()
        lines = self._reading.execute(
            "SELECT * FROM replies WHERE identity = ? ORDER BY offset", (identity,)
        ).fetchall()
        return lines + [line for line in waiting if line not in lines]

    def append(self, request: Request, raw: bytes, *, failed: bool = False) -> asyncio.Future[None]:
        """Journals what came back for `request`; resolved once it is durable."""
        record = JournalRecord(
            "failure" if failed else "reply", request.identity, request.canonical, raw, request.max_tokens
        )
        return self._to_writer().append(record)

    async def retry_failures(self) -> bool:
        """Lets failed requests be asked once more (`--retry-failed`). False where none failed."""
        failed = self._reading.execute(
            "SELECT 1 FROM replies WHERE kind = 'failure' AND offset >= ? LIMIT 1", (self._retry_before,)
        )
        if failed.fetchone() is None:
            return False
        await self.mark_retry()
        return True

    async def mark_retry(self) -> None:
        """Notes that what failed until now is to be asked for once more.

        Nothing is deleted: what the requests used still counts.
        """
        await self._to_writer().append(JournalRecord("retry_failed", "", b"", b"", 0))
        self._retry_before = self._last_retry()

    def _last_retry(self) -> int:
        """Where the last mark of `retry_failures` lies in the journal; a mark has no identity."""
        return max((offset for _, offset, *_ in self._indexed(b"")), default=0)

    def begin(self, fingerprint: str, recipe: Json, base: Path) -> bool:
        """Starts a call. Whether a finished run of exactly this recipe, sources and journal is here.

        Another fingerprint is an edit, and so is a retry of what failed: rows that are not made again become
        `superseded`. `base` is where the recipe's paths start; it is noted relative to the run folder, so
        that both can be moved together.
        """
        try:
            write_atomically(self.folder.recipe, orjson.dumps(recipe, option=orjson.OPT_INDENT_2) + b"\n")
        except OSError as error:
            raise machine_error(error, self.folder.path) from None
        beside = os.path.relpath(base.resolve(), self.folder.path.resolve())
        if self._meta("base") != beside:
            self._put("base", beside)
        if self._meta("finished") == f"{fingerprint}:{self.size}":
            return True
        # At once: no reader may take the rows of one version for those of a finished other one.
        self._change("BEGIN IMMEDIATE")
        made_from = f"{fingerprint}:{self._retry_before}" if self._retry_before else fingerprint
        if self._meta("fingerprint") != made_from:
            self.version += 1
            self._put("version", str(self.version))
            self._put("fingerprint", made_from)
        self._put("finished", "")
        self._change("DELETE FROM rows WHERE status = 'pending'")
        self._change("COMMIT")
        return False

    @property
    def decisions(self) -> DecisionLog:
        """What people decided."""
        return DecisionLog(self.folder.decisions)

    @property
    def overlay(self) -> OverlayTable:
        """What decisions make of rows; to be used while nothing is being written."""
        return OverlayTable(self._reading, self.folder.path)

    def commit(self, slot: Slot, overlays: Sequence[Overlay] = ()) -> None:
        """Records the rows of a slot, and what decisions make of some of them; they are written soon, and
        made again if they are not."""
        self._to_writer().commit(slot, self.version, overlays)

    def finish(self, fingerprint: str, notes: Json) -> None:
        """Notes that everything is done, so that the next call has nothing to do."""
        self.drain()
        self._put("notes", orjson.dumps(notes).decode())
        self._put("finished", f"{fingerprint}:{self.size}")

    def note_call(self, call: Json) -> None:
        """Adds this call's counters to those of all calls."""
        total = orjson.loads(self._meta("total") or "{}")
        for key, value in call.items():
            total[key] = round(total.get(key, 0) + value, 3)
        self._put("total", orjson.dumps(total).decode())

    def usage(self) -> list[ModelUse]:
        """What each model was asked, and the tokens, over all calls.

        Older versions indexed any number that a server reported; below 0 and above 10^9 it counts nothing.
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
        """Waits until everything is written. Raises what stopped it."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def close(self) -> None:
        """Writes what is left, and lets go of the folder."""
        whole = False
        try:
            self.drain()
            whole = True
        finally:
            self._reading.close()
            # Closing the last connection folds the side file in; where the disk is full, it stays.
            self._database.close()
            self._journal.close()
            try:
                if whole:
                    sums.note(self.folder)
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
    """The database, and how many bytes of the journal it knows.

    It is made anew where it is damaged: it is derived. After a kill nothing says how it was left; then all
    of it is checked.
    """
    connection = None
    try:
        sums.check_to_write(folder)
        noted = sums.is_noted(folder)
        sums.forget(folder)
        connection = database.connect(folder.database, writable=True)
        if not noted:
            database.check(connection, folder.database)
        return connection, _indexed_up_to(connection)
    except database.DamagedDatabase:
        if connection is not None:
            connection.close()
        sums.forget(folder)
        for leftover in database.files_of(folder.database):
            leftover.unlink(missing_ok=True)
        return database.connect(folder.database, writable=True), 0


def _is_index_of(connection: sqlite3.Connection, journal: Path) -> bool:
    """Whether the last record of the index is where the index says it is."""
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
