"""What a review backend is: it shows rows to people, in Argilla or in a file, and reads their answers.

A backend of your own is a class here below; `docs/review.md` says how another package adds one.
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
    """A target to be there: its name, how many people answer a record, and whether they decide conflicts."""

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
    """What the command line says about the server: its address, a workspace, and accounts to be made."""

    url: str | None = None
    api_key_env: str | None = None
    workspace: str | None = None
    make_workspace: bool = False
    users: Sequence[str] = ()


class ReviewBackend(ABC):
    """Close it when done. Raises `UnreachableError` where a server is gone.

    `kind` is the name that `--backend` takes. `shares_targets` says whether one target can hold records that
    need different numbers of answers; `shares_names`, whether other runs can have targets of the same names.
    """

    kind: ClassVar[str]
    shares_targets: ClassVar[bool] = False
    shares_names: ClassVar[bool] = True

    @classmethod
    def check(cls, access: Access) -> None:
        """Raises `InputError` for what this backend has no use for, before anything is sent."""
        if access.users:
            raise InputError(f"--user creates accounts in Argilla. A {cls.kind} needs none.")
        if access.make_workspace:
            raise InputError("--new-workspace needs --workspace NAME, and works only with Argilla.")

    @classmethod
    @abstractmethod
    def connect(cls, run: RunFolder, access: Access, say: Say) -> ReviewBackend:
        """The backend for this run. `say` takes lines about what goes on."""

    def close(self) -> None:
        """Lets go of what it holds."""
        return

    @abstractmethod
    def open(self, spec: TargetSpec) -> ReviewTarget:
        """The target, made where it is missing."""

    @abstractmethod
    def has(self, target: ReviewTarget) -> bool:
        """Whether the target is still there."""

    @abstractmethod
    def is_taken(self, name: str, ours: Collection[str]) -> bool:
        """Whether rows of another run are under this name; `ours` are the ids of this run's targets."""

    @abstractmethod
    def present(self, target: ReviewTarget) -> Mapping[str, bool]:
        """The records that are there, by row; whether anybody has begun to answer them."""

    @abstractmethod
    def send(
        self,
        target: ReviewTarget,
        records: Sequence[ReviewRecord],
        sent: Callable[[Sequence[ReviewRecord]], None],
    ) -> list[RefusedRecord]:
        """Adds records, and replaces those with the same row. `sent` hears of each batch."""

    @abstractmethod
    def answers(self, target: ReviewTarget) -> Iterator[list[Answer]]:
        """All answers that are there now, in batches."""

    @property
    def url(self) -> str | None:
        """The address of the page where people answer, if there is one."""
        return None

    def annotators(self) -> list[str]:
        """Who can sign in to answer."""
        return []

    def make_accounts(self, names: Sequence[str], made: Callable[[Account], None]) -> list[Account]:
        """The accounts of these annotators. `made` hears of each new one at once, with its password."""
        return []

    @abstractmethod
    def next_step(self, pull: str) -> str:
        """What people do after a push. `pull` is the command that fetches their answers."""
