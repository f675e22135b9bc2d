"""Puts an export where it belongs, whole or not at all, and keeps the one that it replaces."""

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
# How often an export looks again where another one writes to the same place: both may have just begun.
_ATTEMPTS = 5


def find_target(out: Path, kept: Path) -> Path:
    """Where an export to `out` goes in the end: an absolute path without links.

    `kept` is where replaced exports go. Raises `InputError` where an export would bury something else.
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
    """Raises `InputError` for what is in the way of an export, and `OSError` for what cannot be read."""
    there = next(folder for folder in (target, *target.parents) if _exists(folder))
    if not there.is_dir():
        raise InputError("is a file, not a folder.", where=str(there), hint=_ANOTHER)
    if target == kept or kept in target.parents:
        raise InputError("is where replaced exports are kept.", where=str(target), hint=_ANOTHER)
    if there != target or is_export(target):
        return
    if any(target.iterdir()):
        raise InputError("is not empty and not an export.", where=str(target), hint=_ANOTHER)
    if target in (here := Path.cwd(), *here.parents):
        raise InputError(
            "is the folder that you are in.", where=str(target), hint="Name a new folder in it with --out."
        )


@contextmanager
def staging_folder(target: Path, kept: Path) -> Iterator[Scratch]:
    """A folder beside `target` to write in, held by this process and removed afterwards.

    Raises `MachineError` where another export writes to the same target, or the disk refuses.
    """

    def recover(left: Scratch) -> None:
        """Brings back the export that a killed call had taken away, or keeps it where there is a new one."""
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
        "another export writes there.", where=str(target), hint="Wait for it, or stop it first."
    )


def publish(made: Scratch, target: Path, kept: Path) -> tuple[bool, Path | None]:
    """Moves the finished export to `target`, unless the same export is there already.

    Returns whether anything was moved, and where the export went that was replaced: `kept/1`, `kept/2`, ...
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
    """Whether the files of `folder` are all in `other`, byte for byte; more may be there."""
    for file in folder.rglob("*"):
        twin = other / file.relative_to(folder)
        if file.is_file() and not (twin.is_file() and digest_of(twin) == digest_of(file)):
            return False
    return True


def _keep(made: Scratch, kept: Path) -> Path:
    """Moves a replaced export into `kept`, under the next number. Across file systems, it is copied first."""
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
    """Unlike `Path.exists`, not silent about a name that cannot be."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _shortened(path: Path) -> str:
    name = str(path)
    return name if len(name) <= 100 else f"{name[:60]}...{name[-30:]}"
