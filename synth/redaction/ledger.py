"""The ledger maps stand-ins to values. It is next to the run folder, and only its owner can read it.

It is JSON Lines: first the key of the stand-ins, then one line per value. A run folder can be copied,
reviewed and exported without it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import orjson

from synth.errors import InputError, MachineError, SynthError
from synth.locks import try_lock

FORMAT_VERSION: Final = 1


def ledger_of(run: Path) -> Path:
    """The path of a run folder's ledger: `runs/NAME.redactions.jsonl` next to `runs/NAME`."""
    whole = run.resolve()
    return whole.with_name(f"{whole.name}.redactions.jsonl")


class RedactionLedger:
    """The open file, locked by one process at a time. A line that a crash cut off is removed."""

    def __init__(self, file: Path, warn: Callable[[str], None]) -> None:
        self.file = file
        self.holders: dict[str, str] = {}
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self.is_new = not file.exists()
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise MachineError(f"cannot be opened: {error.strerror}.", where=str(file)) from None
        try:
            if not try_lock(self._descriptor, file.parent):
                raise MachineError(
                    "is in use by another synth run.", where=str(file), hint="Wait until that run ends."
                )
            if os.fstat(self._descriptor).st_mode & 0o077:
                os.fchmod(self._descriptor, 0o600)
                warn(f"other users could read {file}; its mode is now 0600.")
            self.key = self._read()
        except OSError as error:
            self.close()
            raise MachineError(f"cannot be read: {error.strerror}.", where=str(file)) from None
        except SynthError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def note(self, stand_in: str, kind: str, value: str, written: str) -> None:
        """Stores the value of a stand-in, and its first spelling."""
        self.holders[stand_in] = value
        self._append({"stand_in": stand_in, "kind": kind, "value": value, "written": written})

    def close(self) -> None:
        """Closes the file and releases the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> bytes:
        with open(self._descriptor, "rb", closefd=False) as lines:
            data = lines.read()
        whole, _, torn = data.rpartition(b"\n")
        if torn:
            os.ftruncate(self._descriptor, len(data) - len(torn))
        os.lseek(self._descriptor, 0, os.SEEK_END)
        if not whole:
            key = secrets.token_bytes(32)
            self._append({"format": FORMAT_VERSION, "key": key.hex()})
            os.fsync(self._descriptor)
            return key
        key, entries = _parsed(whole, self.file)
        self.holders = {entry["stand_in"]: entry["value"] for entry in entries}
        return key

    def _append(self, entry: dict[str, str | int]) -> None:
        line = orjson.dumps(entry) + b"\n"
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError as error:
            raise MachineError(f"cannot be written: {error.strerror}.", where=str(self.file)) from None


def restore(text: str, ledger: Path) -> str:
    """`text` with each stand-in replaced by its value, in the first spelling.

    Raises `InputError` for a file that is not a ledger.
    """
    _, entries = _parsed(ledger.read_bytes().rpartition(b"\n")[0], ledger)
    values = {entry["stand_in"]: entry["written"] for entry in entries}
    for stand_in in sorted(values, key=len, reverse=True):
        text = text.replace(stand_in, values[stand_in])
    return text


def _parsed(data: bytes, file: Path) -> tuple[bytes, list[dict[str, str]]]:
    """The key, and the entries."""
    try:
        head, *entries = [orjson.loads(line) for line in data.split(b"\n")]
        if head["format"] > FORMAT_VERSION:
            raise InputError(f"has format {head['format']}.", where=str(file), hint="Update synth.")
        key = bytes.fromhex(head["key"])
        if not all(
            isinstance(entry["stand_in"] + entry["value"] + entry["written"], str) for entry in entries
        ):
            raise TypeError("an entry is not text")
    except (ValueError, KeyError, TypeError):
        raise InputError(
            "is not a list of redactions, or is damaged.",
            where=str(file),
            hint="Restore it from a backup. Without it, the stand-ins will differ.",
        ) from None
    return key, entries
