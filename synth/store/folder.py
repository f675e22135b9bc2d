"""The files of a run folder, its lock, and its format version."""

from __future__ import annotations

import os
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import orjson

from synth.errors import InputError, MachineError
from synth.llm.base import Json
from synth.locks import try_lock

FORMAT_VERSION = 1


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run folder.

    The journals of replies and of decisions are the source of truth. The database is derived from them and
    can be deleted. `recipe.json` is the recipe of the last call.
    """

    path: Path

    @property
    def about(self) -> Path:
        """The format version and the recipe's name."""
        return self.path / "run.json"

    @property
    def recipe(self) -> Path:
        """The effective recipe of the last call."""
        return self.path / "recipe.json"

    @property
    def journal(self) -> Path:
        """Every reply, raw."""
        return self.path / "replies.journal"

    @property
    def skipped(self) -> Path:
        """The source rows that the last call skipped, if any."""
        return self.path / "skipped.jsonl"

    @property
    def decisions(self) -> Path:
        """The journal of decisions: shown rows and answers."""
        return self.path / "decisions.jsonl"

    @property
    def review(self) -> Path:
        """The folder for review files, when Argilla is not used."""
        return self.path / "review"

    @property
    def database(self) -> Path:
        """The rows, and the index of the journal."""
        return self.path / "rows.sqlite"

    @property
    def sums(self) -> Path:
        """Checksums of the files that the last command left; see `checksums.py`."""
        return self.path / "sums.json"

    @property
    def lock(self) -> Path:
        """The lock of the process that writes."""
        return self.path / "lock"

    @property
    def export(self) -> Path:
        """The default folder for exports."""
        return self.path / "export"

    def read_about(self) -> Json:
        """The content of `run.json`. Raises `InputError` if this is no run folder, or one of a newer
        synth.
        """
        try:
            about = orjson.loads(self.about.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                "is not a run folder.", where=str(self.path), hint="`synth run RECIPE` creates one."
            ) from None
        except PermissionError as error:
            raise MachineError(f"cannot be read: {error.strerror}.", where=str(self.about)) from None
        except orjson.JSONDecodeError as error:
            raise InputError(f"is not valid JSON: {error}.", where=str(self.about)) from None
        if not isinstance(about, dict) or not isinstance(about.get("format"), int):
            raise InputError("has no format version.", where=str(self.about))
        if about["format"] > FORMAT_VERSION:
            raise InputError(
                f"this run has format {about['format']}; this synth reads up to {FORMAT_VERSION}.",
                where=str(self.path),
                hint="Update synth.",
            )
        return about

    def read_id(self) -> str:
        """The run's id, which differs between runs of the same name. A copy of the folder has the same id.

        A command with the folder's lock makes it on first use.
        """
        about = self.read_about()
        if not isinstance(about.get("id"), str):
            about["id"] = secrets.token_hex(3)
            try:
                write_atomically(self.about, orjson.dumps(about) + b"\n")
            except OSError as error:
                raise machine_error(error, self.path) from None
        return str(about["id"])

    def take(self, name: str) -> int:
        """Makes the folder of recipe `name`, or checks that it belongs to that recipe, and takes its lock.

        A call that was killed early leaves a folder without `run.json`; the next call continues there. Raises
        `InputError` if the folder belongs to something else, and `MachineError` if it is in use or the disk
        refuses.
        """
        self.check_owner(name)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InputError("is a file, not a folder.", where=str(self.path)) from None
        except OSError as error:
            raise machine_error(error, self.path) from None
        lock = self.hold()
        try:
            # Another call may have claimed this folder before we had the lock, so check again.
            self.check_owner(name)
            if not self.about.exists():
                write_atomically(self.about, orjson.dumps({"format": FORMAT_VERSION, "name": name}) + b"\n")
        except BaseException as error:
            os.close(lock)
            if isinstance(error, OSError):
                raise machine_error(error, self.path) from None
            raise
        return lock

    def check_owner(self, name: str) -> None:
        """Raises `InputError` if the folder has the run of another recipe, or is not a run folder."""
        if self.about.exists():
            theirs = self.read_about().get("name")
            if theirs != name:
                raise InputError(
                    f"has the run of another recipe, {theirs!r}; this one is {name!r}.",
                    where=str(self.path),
                    hint="Choose another folder with --out, or another `name`.",
                )
        elif self.path.is_dir() and set(self.path.iterdir()) - {self.lock, unfinished(self.about)}:
            raise InputError(
                "is not empty and not a run folder.", where=str(self.path), hint="Choose another with --out."
            )

    def hold(self) -> int:
        """Takes the folder's lock. It is released when the descriptor is closed or the process ends."""
        try:
            descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise machine_error(error, self.path) from None
        try:
            if not try_lock(descriptor, self.path):
                raise MachineError(
                    "is in use by another synth run.",
                    where=str(self.path),
                    hint="Wait for it, or stop it first.",
                )
        except MachineError:
            os.close(descriptor)
            raise
        return descriptor


def machine_error(error: OSError, path: Path) -> MachineError:
    """The error for an operating system error, with a hint on what to do."""
    advice = {
        "No space left on device": "Free some space and run the same command again: nothing is lost.",
        "Permission denied": "Give yourself write permission there, or choose another folder with --out.",
        "Read-only file system": "Choose another folder with --out.",
        "Device or resource busy": "Another disk is mounted there: name a folder inside it with --out.",
    }
    words = error.strerror or str(error)
    return MachineError(f"cannot be written: {words}.", where=str(path), hint=advice.get(words))


def sqlite_error(error: sqlite3.OperationalError, path: Path) -> MachineError:
    """Maps SQLite's errors for a full disk and similar to the operating system's."""
    words = str(error)
    plain = "No space left on device" if "full" in words else words
    return machine_error(OSError(0, plain), path)


def write_atomically(file: Path, data: bytes) -> None:
    """Writes `data` atomically: the file has either the old content or the new content."""
    temporary = unfinished(file)
    with temporary.open("wb") as out:
        out.write(data)
        out.flush()
        # Otherwise a power loss can leave an empty file under the final name.
        os.fsync(out.fileno())
    temporary.replace(file)


def unfinished(file: Path) -> Path:
    """The temporary file of `write_atomically`, which stays next to `file` after a kill."""
    return file.with_name(file.name + ".new")
