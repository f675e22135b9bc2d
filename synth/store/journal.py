"""The journal: every raw reply, appended to one file, and durable on disk before anything reads it.

A record has three parts: a JSON header line, the canonical request and the raw reply. Each ends with a
newline:

    {"kind":"reply","id":"<sha256>","request":123,"reply":456,"max_tokens":64,"crc":"89abcdef"}

The lengths reveal a torn record, the checksum a damaged one. A file cut at any byte is read up to its last
complete record, and the next record is written there.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

RecordKind = Literal["reply", "failure", "retry_failed"]

# Bytes. No header is longer, so the search for the end of a header line stops here.
_LONGEST_HEADER = 512

_RECORD_START = b'\n{"kind":"'


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One record. For a `retry_failed` mark, `request` and `identity` are empty."""

    kind: RecordKind
    identity: str
    request: bytes
    reply: bytes
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Place:
    """The position of a record in the file, in bytes."""

    offset: int
    length: int


def encode(record: JournalRecord) -> bytes:
    """The bytes of the record in the file."""
    head = (
        f'{{"kind":"{record.kind}","id":"{record.identity}","request":{len(record.request)},'
        f'"reply":{len(record.reply)},"max_tokens":{record.max_tokens}'
    ).encode()
    crc = zlib.crc32(record.reply, zlib.crc32(record.request, zlib.crc32(head)))
    return b'%b,"crc":"%08x"}\n%b\n%b\n' % (head, crc, record.request, record.reply)


def decode(data: bytes) -> JournalRecord:
    """The record in `data`. Raises `ValueError` if it is torn or damaged."""
    record, end = _parse(data, 0)
    if end != len(data):
        raise ValueError("the record has another length")
    return record


def read_records(file: Path, start: int = 0) -> Iterator[tuple[Place, JournalRecord]]:
    """Every complete record from byte `start` on.

    Torn or damaged records are skipped: a power loss can leave one before complete records of the same write.
    Their requests are sent again.
    """
    size = file.stat().st_size if file.exists() else 0
    if size <= start:
        return
    with file.open("rb") as journal, mmap.mmap(journal.fileno(), 0, access=mmap.ACCESS_READ) as data:
        offset = start
        while 0 <= offset < size:
            try:
                record, end = _parse(data, offset)
            except ValueError:
                # A reply can contain these bytes too. A record that starts there fails its check, and is
                # skipped.
                mark = data.find(_RECORD_START, offset)
                offset = mark + 1 if mark >= 0 else size
                continue
            yield Place(offset, end - offset), record
            offset = end


def _parse(data: bytes | mmap.mmap, start: int) -> tuple[JournalRecord, int]:
    """The record at `start`, and its end. Raises `ValueError` if there is no complete record."""
    line_end = data.find(b"\n", start, start + _LONGEST_HEADER)
    if line_end < 0:
        raise ValueError("no header line")
    head = orjson.loads(data[start:line_end])
    try:
        request_length, reply_length = int(head["request"]), int(head["reply"])
        middle = line_end + 1 + request_length
        end = middle + 1 + reply_length + 1
        record = JournalRecord(
            head["kind"],
            head["id"],
            data[line_end + 1 : middle],
            data[middle + 1 : end - 1],
            int(head["max_tokens"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the header lacks {error}") from None
    # One comparison checks the header, the lengths, the line breaks and the checksum.
    if encode(record) != data[start:end]:
        raise ValueError("the record is torn or damaged")
    return record, end


class JournalWriter:
    """Appends records. Removes a torn tail first. A failed write leaves the file unchanged."""

    def __init__(self, file: Path, end: int) -> None:
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        if os.fstat(self._descriptor).st_size != end:
            os.ftruncate(self._descriptor, end)
        self.end = end

    def append(self, records: list[bytes]) -> int:
        """Writes the encoded records durably. Returns the byte at which the first one starts."""
        start = self.end
        try:
            view = memoryview(b"".join(records))
            position = start
            # A call may write only a part, for example just before the disk is full.
            while view:
                written = os.pwrite(self._descriptor, view, position)
                view, position = view[written:], position + written
            # Enough for a growing file: `fdatasync` also writes the new size, but not the times.
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, start)
            raise
        self.end = position
        return start

    def read(self, place: Place) -> bytes:
        """The bytes of a record that was written earlier."""
        return os.pread(self._descriptor, place.length, place.offset)

    def close(self) -> None:
        """May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
