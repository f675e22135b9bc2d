"""Checksums of a run folder's files, so that damaged data is never read as rows.

SQLite detects damage to its page structure, but not to the values inside. So each writing command stores the
checksums of the files when it ends, and every command compares them before it reads. While a command writes,
and after it was killed, there are no stored checksums; `synth run` then checks the database itself.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import orjson

from synth.errors import InputError
from synth.locks import try_lock
from synth.store.database import DamagedDatabase, files_of
from synth.store.folder import RunFolder, write_atomically

_CHUNK = 1 << 20


def note(folder: RunFolder) -> None:
    """Stores the checksums. Call it after the last write."""
    sums = {file.name: _sum(file) for file in _derived(folder)}
    sums[folder.decisions.name] = _sum(folder.decisions)
    write_atomically(folder.sums, orjson.dumps(sums, option=orjson.OPT_INDENT_2) + b"\n")


def forget(folder: RunFolder) -> None:
    """Deletes the stored checksums. Call it before the first write."""
    folder.sums.unlink(missing_ok=True)


def is_noted(folder: RunFolder) -> bool:
    """Whether the last command ended properly and nothing was written since."""
    return bool(_noted(folder))


def check_to_read(folder: RunFolder) -> None:
    """Raises `DamagedDatabase` if the files of the rows have changed although no command is writing."""
    # Read twice: a command that was writing at the first look may have ended before the look at the lock.
    if _changed(folder) and not _in_use(folder) and (file := _changed(folder)):
        raise DamagedDatabase(file, "it has changed since the last command ended")


def check_to_write(folder: RunFolder) -> None:
    """The same for a command that holds the folder's lock."""
    if file := _changed(folder):
        raise DamagedDatabase(file, "it has changed since the last command ended")


def check_decisions(folder: RunFolder) -> None:
    """Raises `InputError` if lines of `decisions.jsonl` are gone or changed. New lines are allowed."""
    noted = _noted(folder).get(folder.decisions.name)
    if noted and _sum(folder.decisions, noted[0]) != noted:
        raise InputError(
            "has lost or changed lines since the last command ended: decisions may be missing.",
            where=str(folder.decisions),
            hint=f"Restore the file from a backup; or delete {folder.sums}, push and pull again: answers are"
            " still where people gave them.",
        )


def _derived(folder: RunFolder) -> list[Path]:
    # Without `-shm`, which readers change too. SQLite rebuilds it from `-wal`.
    database, wal, *_ = files_of(folder.database)
    return [folder.about, folder.recipe, database, wal]


def _changed(folder: RunFolder) -> Path | None:
    noted = _noted(folder)
    for file in _derived(folder):
        if noted and noted.get(file.name) != _sum(file):
            return file
    return None


def _noted(folder: RunFolder) -> dict[str, list[int]]:
    """The stored checksums; empty if there are none. A damaged file can only make other files look
    damaged.
    """
    try:
        noted = orjson.loads(folder.sums.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _sum(file: Path, length: int | None = None) -> list[int]:
    """The size in bytes and the CRC-32 of a file or of its first `length` bytes. A missing file counts as
    empty.
    """
    size = crc = 0
    if file.exists():
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK if length is None else min(_CHUNK, length - size)):
                size, crc = size + len(chunk), zlib.crc32(chunk, crc)
    return [size, crc]


def _in_use(folder: RunFolder) -> bool:
    """Whether a command has the lock. If the lock cannot be opened, no command can be writing."""
    try:
        descriptor = os.open(folder.lock, os.O_RDWR)
    except OSError:
        return False
    try:
        return not try_lock(descriptor, folder.path)
    finally:
        os.close(descriptor)
