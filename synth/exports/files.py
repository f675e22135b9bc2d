"""Writes JSON Lines files, and counts and hashes their lines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import orjson

from synth.llm.base import Json

# Legal in JSON, but readers that split lines by Unicode's rules see a line end here.
_LINE_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


@dataclass(frozen=True)
class Written:
    """A written file. `rows` is the number of its lines, or None if it is not JSON Lines."""

    name: str
    rows: int | None
    sha256: str


def write_text(file: Path, text: str) -> Written:
    """Writes a file that is not JSON Lines."""
    file.write_text(text, encoding="utf-8")
    return Written(file.name, None, digest_of(file))


class LinesFile:
    """A JSON Lines file being written. A context manager."""

    def __init__(self, file: Path) -> None:
        self._name = file.name
        self._out = file.open("wb")
        self._digest = hashlib.sha256()
        self._rows = 0

    def __enter__(self) -> LinesFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.close()

    def write(self, line: bytes) -> None:
        """Adds one line, made by `as_line`."""
        self._out.write(line)
        self._digest.update(line)
        self._rows += 1

    def flush(self) -> None:
        """Flushes the lines, so that other readers of the file see them."""
        self._out.flush()

    @property
    def written(self) -> Written:
        """The file with its lines so far."""
        return Written(self._name, self._rows, self._digest.hexdigest())


def as_line(record: Json) -> bytes:
    """One line of JSON in UTF-8, with no line end of any kind inside."""
    line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    for end, escaped in _LINE_ENDS:
        if end in line:
            line = line.replace(end, escaped)
    return line


def digest_of(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
