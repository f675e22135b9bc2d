"""Files that only their owner can read, and a lock on the data folder."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CREDENTIALS_FILE = "credentials.json"
LOCK_FILE = "in-use.lock"
# The server's copy of its page. It is removed and made again at each start.
PAGE_FOLDER = "argilla-page.tmp"
OWNER = "owner"
# A folder with a database is ours. One without is ours if it has only the files of an unfinished start.
_DATABASE = "argilla.db"
_FIRST = {CREDENTIALS_FILE, LOCK_FILE, PAGE_FOLDER, "server.log"}


class DataFolderError(Exception):
    """The data folder cannot be served as it is."""


@dataclass(frozen=True)
class Credentials:
    """The owner's account, and the key that signs the sessions of all users."""

    username: str
    password: str
    api_key: str
    secret_key: str


def write_private_json(path: Path, content: dict[str, Any]) -> None:
    """Replaces `path` in one step by a file of mode 0600, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # created with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_credentials(data: Path) -> Credentials:
    """The credentials in `data`. They are generated at the first start."""
    path = data / CREDENTIALS_FILE
    if path.exists():
        path.chmod(0o600)
        try:
            return Credentials(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise DataFolderError(
                f"{path} is damaged. Remove it, and the owner gets a new password and key; all else stays."
            ) from None
    credentials = Credentials(
        username=OWNER,
        password=secrets.token_urlsafe(12),
        api_key=secrets.token_urlsafe(48),
        secret_key=secrets.token_hex(32),
    )
    write_private_json(path, asdict(credentials))
    return credentials


def forget_state(path: Path, state: dict[str, Any]) -> None:
    """Removes the state file, unless another server has replaced it."""
    with suppress(FileNotFoundError, ValueError):  # a damaged file is not ours either
        if json.loads(path.read_text(encoding="utf-8")) == state:
            path.unlink()


def check_data(data: Path) -> None:
    """Raises `DataFolderError` for a folder with other files, so that ours do not mix with them."""
    names = {entry.name for entry in data.iterdir()} if data.is_dir() else set()
    if _DATABASE not in names and names - _FIRST:
        raise DataFolderError(
            f"{data} is not empty and not the data of an Argilla. Name a new folder with --data."
        )


@contextmanager
def lock(data: Path) -> Iterator[None]:
    """Keeps a second server away from `data`. The system releases the lock even if this process is killed."""
    check_data(data)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataFolderError(
                f"{data} is in use by another server. Stop that one, or take another folder: --data."
            ) from None
        yield
