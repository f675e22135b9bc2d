"""Reads files that people write by hand: whole, as UTF-8, up to a size limit."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from synth.errors import InputError, MachineError

# A larger file is data, not a recipe, prompt or task.
LARGEST: Final = 2**20


def read_small(file: Path, error: type[InputError], largest: int = LARGEST) -> str:
    """The text of `file`. Raises `error` if it is not text, `MachineError` if the disk cannot be read.

    A missing file or a folder stays an `OSError`: the caller handles it.
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
