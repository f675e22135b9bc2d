"""The interface of a review backend, which shows rows to people and reads their answers.

To add a backend, write a subclass of `ReviewBackend`. `docs/review.md` says how another package adds one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from synth.errors import InputError
from synth.review.accounts import Account
from synth.review.records import ReviewRecord
from synth.review.tasks import Task
from synth.store import Answer, ReviewTarget, RunFolder

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """The description of a target: its name, the answers needed per record, and whether they decide
    conflicts.
    """

    name: str
    task: Task
    needed: int = 1
    adjudicates: bool = False
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A record that could not be sent, and why."""

    row: str
    why: str


@dataclass(frozen=True, slots=True)
class Access:
    """The command line's options about the server: its address, a workspace, and accounts to make."""

    url: str | None = None
    api_key_env: str | None = None
    workspace: str | None = None
    make_workspace: bool = False
    users: Sequence[str] = ()


class ReviewBackend(ABC):
    """A review backend. Close it when done. Its methods raise `UnreachableError` if a server is gone.

    `kind` is the name for `--backend`. `shares_targets` says whether one target can have records that need
    different numbers of answers. `shares_names` says whether other runs can have targets with the same names.
    """

    kind: ClassVar[str]
    shares_targets: ClassVar[bool] = False
    shares_names: ClassVar[bool] = True

    @classmethod
    def check(cls, access: Access) -> None:
        """Raises `InputError` for options that this backend does not support, before anything is sent."""
        if access.users:
            raise InputError(f"--user creates accounts in Argilla. A {cls.kind} needs none.")
        if access.make_workspace:
            raise InputError("--new-workspace needs --workspace NAME, and works only with Argilla.")

    @classmethod
    @abstractmethod
    def connect(cls, run: RunFolder, access: Access, say: Say) -> ReviewBackend:
        """The backend for this run. `say` is called with progress lines."""

    def close(self) -> None:
        """Releases connections and files."""
        return

    @abstractmethod
    def open(self, spec: TargetSpec) -> ReviewTarget:
        """The target; made if it is missing."""

    @abstractmethod
    def has(self, target: ReviewTarget) -> bool:
        """Whether the target still exists."""

    @abstractmethod
    def is_taken(self, name: str, ours: Collection[str]) -> bool:
        """Whether this name has rows of another run. `ours` are the ids of this run's targets."""

    @abstractmethod
    def present(self, target: ReviewTarget) -> Mapping[str, bool]:
        """The records in the target by row id, each with whether anybody has begun to answer it."""

    @abstractmethod
    def send(
        self,
        target: ReviewTarget,
        records: Sequence[ReviewRecord],
        sent: Callable[[Sequence[ReviewRecord]], None],
    ) -> list[RefusedRecord]:
        """Adds records, and replaces those with the same row. `sent` is called after each batch."""

    @abstractmethod
    def answers(self, target: ReviewTarget) -> Iterator[list[Answer]]:
        """All current answers, in batches."""

    @property
    def url(self) -> str | None:
        """The address of the page where people answer, if there is one."""
        return None

    def annotators(self) -> list[str]:
        """The names of those who can sign in to answer."""
        return []

    def make_accounts(self, names: Sequence[str], made: Callable[[Account], None]) -> list[Account]:
        """The accounts of these annotators. `made` is called for each new one at once, with its password."""
        return []

    @abstractmethod
    def next_step(self, pull: str) -> str:
        """A sentence on what to do after a push. `pull` is the command that fetches the answers."""
