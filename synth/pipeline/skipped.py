"""Counts bad rows and documents that a source skips (`bad: skip`), and lists them in the run folder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import orjson

from synth.errors import SourceError
from synth.store.folder import RunFolder, machine_error, write_atomically


@dataclass
class Skipped:
    """The rows and documents that one call skipped. A document that several stages use is listed once."""

    counts: Counter[str] = field(default_factory=Counter)
    lines: dict[bytes, None] = field(default_factory=dict)
    where: list[str] = field(default_factory=list)

    def note(self, source: str, error: SourceError) -> None:
        """Records a row or a document of `source` (`seeds`, ...), with its position and its problem."""
        line = orjson.dumps({"source": source, "where": error.where, "reason": error.message})
        if line not in self.lines:
            self.lines[line] = None
            self.counts[source] += 1
            self.where.append(error.where or source)

    def write(self, folder: RunFolder) -> None:
        """Writes `skipped.jsonl`, or removes an older one. Raises `MachineError`."""
        try:
            if self.lines:
                write_atomically(folder.skipped, b"".join(line + b"\n" for line in self.lines))
            elif folder.skipped.exists():
                folder.skipped.unlink()
        except OSError as error:
            raise machine_error(error, folder.path) from None
