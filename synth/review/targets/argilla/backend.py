"""Review in Argilla: each target is a dataset, and each row is a record with the row's id.

Argilla 2.8 distributes work per dataset: a record is done after a fixed number of answers. So rows that
several people are to read go into a separate dataset.
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
from synth.review.argilla_connection import Connection, find_server
from synth.review.records import VERSIONS, ReviewRecord
from synth.review.targets.argilla.send import Sender, item_of
from synth.review.targets.base import Access, RefusedRecord, ReviewBackend, Say, TargetSpec
from synth.review.tasks import FieldSpec, Task
from synth.review.vectors import embed
from synth.store import Answer, ReviewTarget, RunFolder

# Records per request. Argilla accepts 500; smaller requests show progress, and lose less when one is refused.
_BATCH = 200
_PAGE = 500

# Maximum number of attempts to read a list that changes while it is read.
_PASSES = 5


class ArgillaBackend(ReviewBackend):
    """The Argilla backend. Makes a missing `workspace` only if `make_workspace` is set; without a name, the
    only one is used.
    """

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
        """Raises `InputError` for an impossible account name, and for a new workspace without a name."""
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
        """The accounts of these annotators in the workspace. Makes the missing ones."""
        if not names:
            return []
        return make_annotators(self._connection.server, names, self.workspace, made=made)

    def next_step(self, pull: str) -> str:
        """Tells people to sign in and answer."""
        if names := self.annotators():
            return f"Open {self.url} and sign in as {' or '.join(names)}."
        return f"Open {self.url}. No annotator has an account yet: `synth review users NAME` creates one."

    def close(self) -> None:
        """Closes the connection."""
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
        """The dataset; made if it is missing. Raises `InputError` if a dataset of this name has another
        task.
        """
        task = spec.task
        if spec.adjudicates:
            versions = FieldSpec(
                name=VERSIONS, type="text", title="What annotators made of it", use_markdown=True
            )
            task = task.model_copy(update={"fields": (*task.fields, versions)})
        dataset = self.find(spec.name)
        if dataset is not None and dataset["status"] != "ready":
            # An interrupted push left it behind without records, so it cannot have answers.
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
        """Whether a dataset of this name has records and belongs to another run (not made or shared by this
        run).

        A dataset without records was left behind by an interrupted push.
        """
        dataset = self.find(name)
        if dataset is None or dataset["status"] != "ready" or f"argilla:{dataset['id']}" in ours:
            return False
        records = self._connection.call("GET", f"datasets/{dataset['id']}/records", limit=1)
        return bool(records["total"])

    def annotators(self) -> list[str]:
        """The annotators in the workspace, as far as this key may see them."""
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
        """The rows in the dataset, each with whether it has an answer or a draft of one."""
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
        """Upserts records in batches. A refused batch is halved until the bad record is found."""
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
        """Every answer in the dataset, page by page. Includes drafts of answers, marked as such."""
        for page in self._records(target):
            yield [
                self._answer(target, record["external_id"], response)
                for record in page
                if record.get("external_id")
                for response in record["responses"]
            ]

    def _records(self, target: ReviewTarget) -> Iterator[list[Json]]:
        """All records, each once.

        Argilla lists by offset. A deletion moves later records forward, past the reader, and records with
        equal times may swap. So a list is complete only if the number of different records equals the
        server's count during the whole listing; otherwise it is read again.
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
        self._say(f"{target.name} changed during every attempt to list it. Pull again later.")

    def _list(self, target: ReviewTarget) -> Iterator[tuple[list[Json], int]]:
        """Lists page by page, with the server's count of all records."""
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
        """The name of an account, or its id if the account is gone or not visible to this key."""
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
        """Raises `InputError` if the dataset was made for a different task, or for an earlier version of
        it.
        """
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
        """Sets the number of answers per record to the recipe's. Argilla then recounts the finished
        records.
        """
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
    """Adds the missing time zone: Argilla's times are in UTC."""
    parsed = datetime.fromisoformat(moment)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
