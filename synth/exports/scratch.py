"""Folders to write in, with a name that nothing else has, and the removal of those that a kill left behind.

A scratch folder holds a lock file and what is written there. Only a folder that holds nothing else, and whose
lock nobody holds, is a leftover: whatever a user has under such a name stays.
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
    """What a scratch folder may hold: the new export, the one it replaces, and what is only to be removed."""

    path: Path

    @property
    def new(self) -> Path:
        """The export that is being written."""
        return self.path / "new"

    @property
    def replaced(self) -> Path:
        """The export that was in the place of the new one. Nobody removes it before it is kept elsewhere."""
        return self.path / "replaced"

    @property
    def waste(self) -> Path:
        """A copy of this is kept elsewhere."""
        return self.path / "waste"

    @property
    def lock(self) -> Path:
        """Held by the process that writes there."""
        return self.path / _LOCK


@contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Scratch]:
    """A new folder in `parent`, held by this process and removed at the end."""
    made, descriptor = _make(parent, prefix)
    try:
        yield made
    finally:
        _remove(made)
        os.close(descriptor)


def clear(parent: Path, prefix: str, mine: Scratch, recover: Callable[[Scratch], None]) -> bool:
    """Removes leftovers, after `recover` has saved what is in them; returns whether others write here."""
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
    """Whether nobody holds the lock of a scratch folder; if so, it is held meanwhile. None: it has gone."""
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
        # Another export took the folder, before it was locked, for a leftover.


def _is_still(file: Path, descriptor: int) -> bool:
    return file.exists() and os.path.samestat(file.stat(), os.fstat(descriptor))


def _is_ours(other: Scratch) -> bool:
    """Whether a folder holds a lock of ours, and nothing that an export did not put there.

    An empty one, of a call that was killed before it had the lock, is removed at once.
    """
    if other.path.is_symlink():
        return False
    try:
        names = {entry.name for entry in other.path.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return False  # a file of the user, or an export has ended and taken its folder away
    if not names:
        with suppress(OSError):  # it has a lock by now: its export will see the one of this call
            other.path.rmdir()
    parts = {part.name for part in (other.new, other.replaced, other.waste)}
    return _LOCK in names and names <= {_LOCK, *parts} and not other.lock.is_symlink()


def _remove(made: Scratch) -> None:
    """Removes a scratch folder, its lock last: until then it is known as one.

    A replaced export that is still in it is the only copy: the folder stays, and the next call saves it.
    """
    for part in (made.new, made.waste):
        if part.exists():
            shutil.rmtree(part)
    if not made.replaced.exists():
        made.lock.unlink()
        with suppress(FileNotFoundError):  # empty now: another export may remove it, too
            made.path.rmdir()
