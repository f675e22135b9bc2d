"""A review in Argilla: each target is a dataset, each row a record that has the row's id as its own.

Argilla 2.8 knows one way to distribute work, for a whole dataset: a record is done after so many answers. So
rows that several people are to read stand in a dataset of their own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property

import orjson

from synth.errors import InputError, UnreachableError
from synth.llm.base import Json
from synth.review.accounts import Account, check_name, make_annotators
from synth.review.argilla_api import Refusal
from synth.review.argilla_server import Connection, find_server
from synth.review.records import VERSIONS, ReviewRecord
from synth.review.targets.argilla.send import Sender, item_of
from synth.review.targets.base import Access, RefusedRecord, ReviewBackend, Say, TargetSpec
from synth.review.tasks import FieldSpec, Task
from synth.review.vectors import embed
from synth.store import Answer, ReviewTarget, RunFolder

# Records in a request. Argilla takes 500; smaller ones show progress, and lose less when one is refused.
_BATCH = 200
_PAGE = 500

# So often a list is read at the most, where it changes while it is read.
_PASSES = 5


class ArgillaBackend(ReviewBackend):
    """A missing `workspace` is made only if `make_workspace`; unnamed, the only one is taken."""

    kind = "argilla"

    def __init__(
        self,
        connection: Connection,
        workspace: str | None,
        say: Say,
        *,
        make_workspace: bool = False,
    ) -> None:
        self._connection = connection
        self._say = say
        self._named = workspace
        self._users: dict[str, str] = {}
        if workspace is not None and make_workspace:
            self._make_workspace(workspace)

    @classmethod
    def check(cls, access: Access) -> None:
        """Raises `InputError` for a name that no account can have, and for a new workspace without a name."""
        for name in access.users:
            check_name(name)
        if access.make_workspace and access.workspace is None:
            raise InputError("--new-workspace needs --workspace NAME, and works only with Argilla.")

    @classmethod
    def connect(cls, run: RunFolder, access: Access, say: Say) -> ArgillaBackend:
        """The server that `access` names, or the local one."""
        connection = Connection(find_server(access.url, access.api_key_env))
        return cls(connection, access.workspace, say, make_workspace=access.make_workspace)

    @property
    def url(self) -> str:
        """The server's address."""
        return self._connection.server.url

    def make_accounts(self, names: Sequence[str], made: Callable[[Account], None]) -> list[Account]:
        """The accounts of these annotators in the workspace, made where they are missing."""
        if not names:
            return []
        return make_annotators(self._connection.server, names, self.workspace, made=made)

    def next_step(self, pull: str) -> str:
        """People sign in and answer."""
        if names := self.annotators():
            return f"Open {self.url} and sign in as {' or '.join(names)}."
        return f"Open {self.url}. No annotator has an account yet: `synth review users NAME` creates one."

    def close(self) -> None:
        """Lets go of the connection."""
        self._connection.close()

    @cached_property
    def workspace(self) -> str:
        """The workspace for new datasets."""
        return self._named or self._only_workspace()

    def has(self, target: ReviewTarget) -> bool:
        """Whether the dataset is on this server."""
        try:
            self._connection.call("GET", _path(target))
        except Refusal as refusal:
            if refusal.status == 404:
                return False
            raise
        return True

    def open(self, spec: TargetSpec) -> ReviewTarget:
        """The dataset, made where it is missing. Raises `InputError` where one of that name asks for
        something else."""
        task = spec.task
        if spec.adjudicates:
            versions = FieldSpec(
                name=VERSIONS, type="text", title="What annotators made of it", use_markdown=True
            )
            task = task.model_copy(update={"fields": (*task.fields, versions)})
        dataset = self.find(spec.name)
        if dataset is not None and dataset["status"] != "ready":
            # Left behind by a push that was cut off: nobody can have answered in it.
            self._connection.call("DELETE", f"datasets/{dataset['id']}")
            dataset = None
        if dataset is None:
            dataset = self._create(spec, task)
        self._check_settings(dataset, task)
        self._set_needed(dataset, spec)
        return ReviewTarget(
            id=f"argilla:{dataset['id']}",
            backend=self.kind,
            name=spec.name,
            task=orjson.loads(spec.task.model_dump_json()),
            workspace=self.workspace,
            adjudicates=spec.adjudicates,
        )

    def is_taken(self, name: str, ours: Collection[str]) -> bool:
        """Whether a dataset of this name has records and was not made, or shared on purpose, by this run.

        One without records was left behind by a push that was cut off.
        """
        dataset = self.find(name)
        if dataset is None or dataset["status"] != "ready" or f"argilla:{dataset['id']}" in ours:
            return False
        records = self._connection.call("GET", f"datasets/{dataset['id']}/records", limit=1)
        return bool(records["total"])

    def annotators(self) -> list[str]:
        """Who can sign in to answer in the workspace; those that this key may see."""
        users = self._connection.call("GET", f"workspaces/{self._workspace_id(self.workspace)}/users")
        return [user["username"] for user in users["items"] if user["role"] == "annotator"]

    def find(self, name: str) -> Json | None:
        """The dataset of this name in the workspace."""
        workspace = self._workspace_id(self.workspace)
        if workspace is None:
            there = ", ".join(self._workspaces()) or "none that you may see"
            raise InputError(
                f"there is no workspace {self.workspace!r} at {self._connection.server.url}.",
                hint=f"There are: {there}. `review push --new-workspace` makes another.",
            )
        for dataset in self._connection.call("GET", "me/datasets", workspace_id=workspace)["items"]:
            if dataset["name"] == name and dataset["workspace_id"] == workspace:
                return dict(dataset)
        return None

    def present(self, target: ReviewTarget) -> Mapping[str, bool]:
        """Rows in the dataset; whether somebody has begun to answer."""
        return {
            record["external_id"]: bool(record["responses"])
            for page in self._records(target)
            for record in page
            if record.get("external_id")
        }

    def send(
        self,
        target: ReviewTarget,
        records: Sequence[ReviewRecord],
        sent: Callable[[Sequence[ReviewRecord]], None],
    ) -> list[RefusedRecord]:
        """Upserts in batches. A batch that is refused is halved until the bad record is found."""
        questions = {
            question["name"]: question["id"]
            for question in self._connection.call("GET", f"{_path(target)}/questions")["items"]
        }
        sender = Sender(self._connection, f"{_path(target)}/records/bulk")
        task = Task.model_validate(target.task)
        for start in range(0, len(records), _BATCH):
            batch = records[start : start + _BATCH]
            vectors = embed([record.meaning for record in batch]) if task.vectors else [[] for _ in batch]
            items = [
                item_of(record, task.fields, questions, {spec.name: vector for spec in task.vectors})
                for record, vector in zip(batch, vectors, strict=True)
            ]
            sender.send(items)
            sent(batch)
        return sender.refused

    def answers(self, target: ReviewTarget) -> Iterator[list[Answer]]:
        """Every answer in the dataset, page by page; drafts of answers are among them, marked as such."""
        for page in self._records(target):
            yield [
                self._answer(target, record["external_id"], response)
                for record in page
                if record.get("external_id")
                for response in record["responses"]
            ]

    def _records(self, target: ReviewTarget) -> Iterator[list[Json]]:
        """All records, each once.

        Argilla lists by offset: what is deleted meanwhile moves later records forward, past the reader, and
        records of the same moment may change places. So a list counts as whole only if it held as many
        different records as the server counted, all the while; otherwise it is read again.
        """
        given: set[str] = set()
        for _ in range(_PASSES):
            seen: set[str] = set()
            totals: set[int] = set()
            for page, total in self._list(target):
                totals.add(total)
                seen.update(item["id"] for item in page)
                fresh = [item for item in page if item["id"] not in given]
                given.update(item["id"] for item in fresh)
                yield fresh
            if totals == {len(seen)}:
                return
        self._say(f"{target.name} changed as often as it was listed: pull again when that has ended.")

    def _list(self, target: ReviewTarget) -> Iterator[tuple[list[Json], int]]:
        """Page by page, with the server's count of all records."""
        offset = 0
        while True:
            page = self._connection.call(
                "GET", f"{_path(target)}/records", offset=offset, limit=_PAGE, include="responses"
            )
            yield page["items"], page["total"]
            offset += len(page["items"])
            if not page["items"] or offset >= page["total"]:
                return

    def _answer(self, target: ReviewTarget, row: str, response: Json) -> Answer:
        values = response["values"] or {}
        return Answer(
            target=target.id,
            row=row,
            by=self._user(response["user_id"], target),
            at=_utc(response["updated_at"]),
            began=_utc(response["inserted_at"]),
            status=response["status"],
            values={name: given["value"] for name, given in sorted(values.items())},
        )

    def _user(self, user_id: str, target: ReviewTarget) -> str:
        """The name of an account; its id where the account is gone or may not be seen."""
        if user_id not in self._users:
            found = []
            for path in (f"workspaces/{self._workspace_id(target.workspace or '')}/users", "users"):
                try:
                    found += self._connection.call("GET", path)["items"]
                except UnreachableError:
                    continue  # only an owner sees all accounts
            self._users |= {user["id"]: user["username"] for user in found}
            self._users.setdefault(user_id, user_id)
        return self._users[user_id]

    def _create(self, spec: TargetSpec, task: Task) -> Json:
        import argilla as rg

        dimensions = len(embed(["one"])[0]) if task.vectors else None
        settings = task.settings(labels=spec.labels, dimensions=dimensions, min_submitted=spec.needed)
        self._say(f"Making the dataset {spec.name!r} in the workspace {self.workspace!r}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                rg.Dataset(
                    spec.name, workspace=self.workspace, settings=settings, client=self._connection.client
                ).create()
            except Exception as error:
                raise UnreachableError(
                    f"the dataset {spec.name!r} could not be made: {error}",
                    where=self._connection.server.url,
                ) from error
        made = self.find(spec.name)
        assert made is not None, "it was made just now"
        return made

    def _check_settings(self, dataset: Json, task: Task) -> None:
        """Raises `InputError` where the dataset was made for another task than this one has become."""
        path = f"datasets/{dataset['id']}"
        questions = self._connection.call("GET", f"{path}/questions")["items"]
        fields = self._connection.call("GET", f"{path}/fields")["items"]
        vectors = self._connection.call("GET", f"{path}/vectors-settings")["items"]
        pairs = [
            ("asks for", {item["name"] for item in questions}, {spec.name for spec in task.questions}),
            ("shows", {item["name"] for item in fields}, {spec.name for spec in task.fields}),
            ("compares", {item["name"] for item in vectors}, {spec.name for spec in task.vectors}),
        ]
        for does, there, wanted in pairs:
            if there != wanted:
                raise InputError(
                    f"the dataset {dataset['name']!r} is there already and {does} {_listed(there)}, not "
                    f"{_listed(wanted)}.",
                    where=self._connection.server.url,
                    hint="A dataset keeps the task that it was made for: choose another name with "
                    "--dataset. What people answered in this one stays, and `pull` still reads it.",
                )

    def _set_needed(self, dataset: Json, spec: TargetSpec) -> None:
        """As many answers a record as the recipe says now; Argilla then counts anew what is done."""
        distribution = {"strategy": "overlap", "min_submitted": spec.needed}
        there = dataset["distribution"]["min_submitted"]
        if there != spec.needed:
            self._connection.call("PATCH", f"datasets/{dataset['id']}", {"distribution": distribution})
            self._say(f"{spec.name}: a record is done after {spec.needed} answers now, not {there}")

    def _workspaces(self) -> dict[str, str]:
        items = self._connection.call("GET", "me/workspaces")["items"]
        return {workspace["name"]: workspace["id"] for workspace in items}

    def _workspace_id(self, name: str) -> str | None:
        return self._workspaces().get(name)

    def _only_workspace(self) -> str:
        names = list(self._workspaces())
        if len(names) != 1:
            raise InputError(
                f"there are {len(names)} workspaces at {self._connection.server.url}.",
                hint=f"Name one with --workspace: {', '.join(names)}.",
            )
        return names[0]

    def _make_workspace(self, name: str) -> None:
        if self._workspace_id(name) is None:
            self._connection.call("POST", "workspaces", {"name": name})
            self._say(f"Made the workspace {name!r}")


def _path(target: ReviewTarget) -> str:
    return f"datasets/{target.id.removeprefix('argilla:')}"


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _utc(moment: str) -> str:
    """Argilla's times are in UTC and do not say so."""
    parsed = datetime.fromisoformat(moment)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
