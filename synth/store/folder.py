"""What a run folder holds, who may use it, and whether this version can read it."""

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

    The journal of replies and that of decisions are the truth; the database is made from them and can be
    deleted; `recipe.json` is the recipe as it was last run.
    """

    path: Path

    @property
    def about(self) -> Path:
        """Format version and the name of the recipe."""
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
        """What the last call skipped of its sources, if anything."""
        return self.path / "skipped.jsonl"

    @property
    def decisions(self) -> Path:
        """What people were shown and what they answered."""
        return self.path / "decisions.jsonl"

    @property
    def review(self) -> Path:
        """Where files to review go without Argilla."""
        return self.path / "review"

    @property
    def database(self) -> Path:
        """Rows and the index of the journal."""
        return self.path / "rows.sqlite"

    @property
    def sums(self) -> Path:
        """Checksums of what the last command left; see `sums.py`."""
        return self.path / "sums.json"

    @property
    def lock(self) -> Path:
        """Held by the process that writes."""
        return self.path / "lock"

    @property
    def export(self) -> Path:
        """Where exports go without `--out`."""
        return self.path / "export"

    def read_about(self) -> Json:
        """`run.json`. Raises `InputError` where this is no run folder, or one of a newer synth."""
        try:
            about = orjson.loads(self.about.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                "is not a run folder.", where=str(self.path), hint="`synth run RECIPE` makes one."
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
        """What tells this run from another one of the same name; a copy of the folder has the same.

        It is made when it is first asked for, by a command that holds the folder's lock.
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
        """Makes the folder for the recipe `name`, or checks that it is that recipe's, and holds its lock.

        A call that was killed while it made the folder leaves it without `run.json`; the next goes on there.
        Raises `InputError` where the folder is something else's, `MachineError` where it is in use or the
        disk refuses.
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
            # Before the lock was ours, another call may have made this folder its own.
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
        """Raises `InputError` where the folder holds the run of another recipe, or what is no run."""
        if self.about.exists():
            theirs = self.read_about().get("name")
            if theirs != name:
                raise InputError(
                    f"holds the run of another recipe, {theirs!r}; this one is {name!r}.",
                    where=str(self.path),
                    hint="Choose another folder with --out, or another `name`.",
                )
        elif self.path.is_dir() and set(self.path.iterdir()) - {self.lock, unfinished(self.about)}:
            raise InputError(
                "is not empty and not a run folder.", where=str(self.path), hint="Choose another with --out."
            )

    def hold(self) -> int:
        """Takes the folder's lock until the descriptor is closed or the process ends."""
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
    """What the operating system refused, in words that say what to do."""
    advice = {
        "No space left on device": "Free some space and run the same command again: nothing is lost.",
        "Permission denied": "Give yourself write permission there, or choose another folder with --out.",
        "Read-only file system": "Choose another folder with --out.",
        "Device or resource busy": "Another disk is mounted there: name a folder inside it with --out.",
    }
    words = error.strerror or str(error)
    return MachineError(f"cannot be written: {words}.", where=str(path), hint=advice.get(words))


def sqlite_error(error: sqlite3.OperationalError, path: Path) -> MachineError:
    """SQLite's own words for a full disk and the like, as the operating system has them."""
    words = str(error)
    plain = "No space left on device" if "full" in words else words
    return machine_error(OSError(0, plain), path)


def write_atomically(file: Path, data: bytes) -> None:
    """Writes `data` so that the file is either the old one or the new one, whole."""
    temporary = unfinished(file)
    with temporary.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(file)


def unfinished(file: Path) -> Path:
    """What `write_atomically` leaves beside `file` where it is killed."""
    return file.with_name(file.name + ".new")
