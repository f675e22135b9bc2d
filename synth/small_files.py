"""Files that people write by hand: read whole, as UTF-8, and never more of them than they can hold."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from synth.errors import InputError, MachineError

# More than this is no recipe, prompt or task, but data.
LARGEST: Final = 2**20


def read_small(file: Path, error: type[InputError], largest: int = LARGEST) -> str:
    """The text of `file`. Raises `error` where it is none, `MachineError` where the disk does not give it.

    A missing file or a folder stays an `OSError`: the caller knows what to do about it.
    """
    try:
        with file.open("rb") as content:
            data = content.read(largest + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise
    except (OSError, ValueError) as refused:
        raise MachineError(f"cannot be read: {refused}.", where=str(file)) from None
    if len(data) > largest:
        raise error(f"is larger than {largest // 2**20} MiB.", where=str(file))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        hint = "Save it as UTF-8."
        raise error(f"is not UTF-8 (byte {wrong.start}, line {line}).", where=str(file), hint=hint) from None
