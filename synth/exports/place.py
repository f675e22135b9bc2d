"""Puts an export where it belongs, whole or not at all, and keeps the one that it replaces."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synth.errors import InputError, MachineError
from synth.exports.files import digest_of
from synth.store.folder import machine_error

MANIFEST = "manifest.json"


def check_target(target: Path) -> None:
    """Raises `InputError` where an export would bury something that is none."""
    if target.exists() and not target.is_dir():
        raise InputError("is a file, not a folder.", where=str(target), hint="Choose another with --out.")
    if target.is_dir() and any(target.iterdir()) and not (target / MANIFEST).is_file():
        raise InputError(
            "is not empty and not an export.", where=str(target), hint="Choose another with --out."
        )


@contextmanager
def workshop(target: Path) -> Iterator[Path]:
    """A folder beside `target` to write in, held by this process, and gone afterwards unless it was moved.

    Raises `MachineError` where another export writes to the same target, or the disk refuses.
    """
    folder = target.with_name(f".{target.name}.new")
    try:
        descriptor = _hold(folder)
        try:
            _empty(folder)
            yield folder
        finally:
            if _is_still(folder, descriptor):
                shutil.rmtree(folder)
            os.close(descriptor)
    except OSError as error:
        raise machine_error(error, target) from None


def put(folder: Path, target: Path, old: Path) -> tuple[bool, Path | None]:
    """Moves the finished `folder` to `target`, unless the same export is there already.

    Returns whether anything was moved, and where the export went that was replaced: `old/1`, `old/2`, ...
    """
    if not target.is_dir() or not any(target.iterdir()):
        folder.rename(target)
        return True, None
    if same_files(folder, target):
        return False, None
    old.mkdir(parents=True, exist_ok=True)
    taken = [int(entry.name) for entry in old.iterdir() if entry.name.isdigit()]
    kept = old / str(max(taken, default=0) + 1)
    shutil.move(target, kept)
    folder.rename(target)
    return True, kept


def same_files(folder: Path, other: Path) -> bool:
    """Whether the files of `folder` are all in `other`, byte for byte; more may be there."""
    for file in folder.rglob("*"):
        twin = other / file.relative_to(folder)
        if file.is_file() and not (twin.is_file() and digest_of(twin) == digest_of(file)):
            return False
    return True


def _hold(folder: Path) -> int:
    """Makes the folder and takes its lock; a folder that was moved away meanwhile is not taken for it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise MachineError(
                "another export writes there.", where=str(folder), hint="Wait for it, or stop it first."
            ) from None
        if _is_still(folder, descriptor):
            return descriptor
        os.close(descriptor)


def _is_still(folder: Path, descriptor: int) -> bool:
    return folder.exists() and os.path.samestat(folder.stat(), os.fstat(descriptor))


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
