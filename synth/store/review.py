"""Opens a run folder for a review: appends decisions, and updates the table of rows to them."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from types import TracebackType

from synth.errors import InputError, MachineError
from synth.store import checksums, database
from synth.store.folder import RunFolder, machine_error, sqlite_error
from synth.store.overlay_table import OverlayTable
from synth.store.review_log import DecisionLog


class ReviewStore:
    """A run folder under review. Has the folder's lock inside the `with` block, so no run can write.

    Raises `InputError` if there is no run, and `MachineError` if one is in progress or the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        self.folder.read_about()
        if not self.folder.database.exists():
            raise InputError("has no rows yet.", where=str(path), hint="`synth run` makes them.")
        self._lock = self.folder.hold()
        try:
            checksums.check_decisions(self.folder)
            checksums.check_to_write(self.folder)
            checksums.forget(self.folder)
            self._database = database.connect(self.folder.database, writable=True)
        except BaseException as error:
            os.close(self._lock)
            if isinstance(error, sqlite3.OperationalError):
                raise sqlite_error(error, path) from None
            if isinstance(error, OSError):
                raise machine_error(error, path) from None
            raise
        self.decisions = DecisionLog(self.folder.decisions)
        self.overlay = OverlayTable(self._database, path)

    @property
    def version(self) -> int:
        """The version of the recipe that was run last."""
        line = self._database.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        return int(line[0]) if line else 0

    def __enter__(self) -> ReviewStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
        try:
            # The machine error that stopped the command would stop this too.
            if not isinstance(error, MachineError):
                checksums.note(self.folder)
        except OSError as refused:
            raise machine_error(refused, self.folder.path) from None
        finally:
            os.close(self._lock)
