"""Moves an export to its target atomically, and keeps the export that it replaces."""

from __future__ import annotations

import errno
import os
import random
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synth.errors import InputError, MachineError
from synth.exports.files import digest_of
from synth.exports.manifest import is_export
from synth.exports.scratch import Scratch, clear, scratch
from synth.store.folder import machine_error

_PREFIX = ".synth-export-"
_ANOTHER = "Choose another with --out."
# Attempts when another export seems to write to the same target: both may have just begun.
_ATTEMPTS = 5


def find_target(out: Path, kept: Path) -> Path:
    """The final folder of an export to `out`: an absolute path without links.

    `kept` is the folder for replaced exports. Raises `InputError` if the export would overwrite anything
    else.
    """
    target = Path(os.path.realpath(out))
    try:
        _check(target, Path(os.path.realpath(kept)))
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise machine_error(error, target) from None
        raise InputError(
            f"cannot be a folder: {error.strerror}.", where=_shortened(target), hint=_ANOTHER
        ) from None
    return target


def _check(target: Path, kept: Path) -> None:
    """Raises `InputError` if something else is at the target, and `OSError` if it cannot be read."""
    there = next(folder for folder in (target, *target.parents) if _exists(folder))
    if not there.is_dir():
        raise InputError("is a file, not a folder.", where=str(there), hint=_ANOTHER)
    if target == kept or kept in target.parents:
        raise InputError("is the folder for replaced exports.", where=str(target), hint=_ANOTHER)
    if there != target or is_export(target):
        return
    if any(target.iterdir()):
        raise InputError("is not empty and not an export.", where=str(target), hint=_ANOTHER)
    if target in (here := Path.cwd(), *here.parents):
        raise InputError(
            "is the current folder or contains it.",
            where=str(target),
            hint="Name a new folder in it with --out.",
        )


@contextmanager
def staging_folder(target: Path, kept: Path) -> Iterator[Scratch]:
    """A scratch folder next to `target`, locked by this process and removed afterwards.

    Raises `MachineError` if another export writes to the same target, or if the disk refuses.
    """

    def recover(left: Scratch) -> None:
        """Restores an export that a killed call had moved away; if there is a new one, moves the old one to
        `kept`.
        """
        if left.replaced.exists():
            if not target.exists():
                left.replaced.rename(target)
            else:
                _keep(left, kept)

    prefix = f"{_PREFIX}{zlib.crc32(os.fsencode(target.name)):08x}-"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            with scratch(target.parent, prefix) as made:
                if not clear(target.parent, prefix, made, recover):
                    made.new.mkdir()
                    yield made
                    return
            time.sleep(random.uniform(0.01, 0.1))
    except OSError as error:
        raise machine_error(error, target) from None
    raise MachineError(
        "another export is writing there.", where=str(target), hint="Wait for it, or stop it first."
    )


def publish(made: Scratch, target: Path, kept: Path) -> tuple[bool, Path | None]:
    """Moves the finished export to `target`, unless the same export is already there.

    Returns whether anything was moved, and the folder of the replaced export (`kept/1`, `kept/2`, ...).
    """
    if not target.is_dir() or not any(target.iterdir()):
        made.new.rename(target)
        return True, None
    if same_files(made.new, target):
        return False, None
    target.rename(made.replaced)
    try:
        made.new.rename(target)
    except OSError:
        made.replaced.rename(target)
        raise
    return True, _keep(made, kept)


def same_files(folder: Path, other: Path) -> bool:
    """Whether `other` has all files of `folder`, byte for byte. It may have more."""
    for file in folder.rglob("*"):
        twin = other / file.relative_to(folder)
        if file.is_file() and not (twin.is_file() and digest_of(twin) == digest_of(file)):
            return False
    return True


def _keep(made: Scratch, kept: Path) -> Path:
    """Moves a replaced export into `kept`, under the next number. Copies it first if `kept` is on another
    file system.
    """
    kept.mkdir(parents=True, exist_ok=True)
    last = _last(kept)
    place = kept / str(last + 1)
    try:
        made.replaced.rename(place)
        return place
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    with scratch(kept, _PREFIX) as copy:
        clear(kept, _PREFIX, copy, lambda _: None)
        if last and same_files(made.replaced, kept / str(last)):
            place = kept / str(last)  # a call that was killed had copied it
        else:
            shutil.copytree(made.replaced, copy.new, symlinks=True)
            copy.new.rename(place)
    made.replaced.rename(made.waste)
    return place


def _last(kept: Path) -> int:
    return max((int(entry.name) for entry in kept.iterdir() if entry.name.isdecimal()), default=0)


def _exists(path: Path) -> bool:
    """Like `Path.exists`, but raises an error for an impossible name."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _shortened(path: Path) -> str:
    name = str(path)
    return name if len(name) <= 100 else f"{name[:60]}...{name[-30:]}"
