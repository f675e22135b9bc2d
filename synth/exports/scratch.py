"""Scratch folders with unique names, and the removal of those that a killed call left behind.

A scratch folder contains a lock file and the files being written. It counts as a leftover only if it contains
nothing else and no process has its lock. A user's own folder under such a name is never removed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from synth.errors import MachineError
from synth.locks import try_lock

_LOCK = "synth-export.lock"


@dataclass(frozen=True)
class Scratch:
    """The contents of a scratch folder: the new export, the replaced one, and a copy to be removed."""

    path: Path

    @property
    def new(self) -> Path:
        """The export that is being written."""
        return self.path / "new"

    @property
    def replaced(self) -> Path:
        """The replaced export. It is not removed before a copy of it is kept elsewhere."""
        return self.path / "replaced"

    @property
    def waste(self) -> Path:
        """An export to remove: a copy of it is kept elsewhere."""
        return self.path / "waste"

    @property
    def lock(self) -> Path:
        """The lock of the process that writes in this folder."""
        return self.path / _LOCK


@contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Scratch]:
    """A new folder in `parent`, locked by this process and removed at the end."""
    made, descriptor = _make(parent, prefix)
    try:
        yield made
    finally:
        _remove(made)
        os.close(descriptor)


def clear(parent: Path, prefix: str, mine: Scratch, recover: Callable[[Scratch], None]) -> bool:
    """Removes leftovers, after `recover` has saved their content. Returns whether another process writes
    here.
    """
    busy = False
    for path in sorted(parent.iterdir()):
        other = Scratch(path)
        if path == mine.path or not path.name.startswith(prefix) or not _is_ours(other):
            continue
        with _probed(other) as free:
            if free:
                recover(other)
                _remove(other)
            busy = busy or free is False
    return busy


@contextmanager
def _probed(other: Scratch) -> Iterator[bool | None]:
    """Whether the lock of a scratch folder was free; it is then held inside the `with` block. None: the
    folder is gone.
    """
    try:
        descriptor = os.open(other.lock, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield None
        return
    try:
        yield try_lock(descriptor, other.path.parent)
    finally:
        os.close(descriptor)


def _make(parent: Path, prefix: str) -> tuple[Scratch, int]:
    while True:
        made = Scratch(Path(tempfile.mkdtemp(prefix=prefix, dir=parent)))
        with suppress(FileNotFoundError):
            descriptor = os.open(made.lock, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if try_lock(descriptor, parent) and _is_still(made.lock, descriptor):
                    return made, descriptor
            except MachineError:
                _remove(made)
                raise
            os.close(descriptor)
        # Another export removed the folder as a leftover, in the moment before it was locked.


def _is_still(file: Path, descriptor: int) -> bool:
    return file.exists() and os.path.samestat(file.stat(), os.fstat(descriptor))


def _is_ours(other: Scratch) -> bool:
    """Whether a folder contains our lock file, and nothing that an export did not write.

    Removes an empty folder at once: its call was killed before it had the lock.
    """
    if other.path.is_symlink():
        return False
    try:
        names = {entry.name for entry in other.path.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return False  # it is a user's file, or an export has ended and removed its folder
    if not names:
        with suppress(OSError):  # it has a lock by now, and its export will see the lock of this call
            other.path.rmdir()
    parts = {part.name for part in (other.new, other.replaced, other.waste)}
    return _LOCK in names and names <= {_LOCK, *parts} and not other.lock.is_symlink()


def _remove(made: Scratch) -> None:
    """Removes a scratch folder. Its lock goes last, because it marks the folder as ours.

    If a replaced export is still inside, it is the only copy: the folder stays, and the next call saves it.
    """
    for part in (made.new, made.waste):
        if part.exists():
            shutil.rmtree(part)
    if not made.replaced.exists():
        made.lock.unlink()
        with suppress(FileNotFoundError):  # empty now: another export may remove it, too
            made.path.rmdir()
