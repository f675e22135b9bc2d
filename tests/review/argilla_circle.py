"""A whole review with a real local Argilla, scripted annotators and a server that is killed.

Used by a test on few rows and by `benchmarks/review_circle.py` on many.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from synth.errors import UnreachableError
from synth.llm.base import Json
from synth.review.accounts import make_annotators
from synth.review.argilla_connection import Connection, Server
from synth.review.local_argilla import LocalServer
from synth.review.pull import PullReport, pull
from synth.review.push import PushOptions, PushReport, push
from synth.review.targets.argilla.backend import ArgillaBackend
from synth.review.targets.pushed import pushed_to
from synth.store import Answer, ReviewTarget, RunFolder
from tests.review.local_argilla import call, start, wait_until_up

NAMES = ("ann", "bob", "eve")


@dataclass
class Argilla:
    """A server on a folder of its own, that can be killed and started again."""

    home: Path
    process: subprocess.Popen[str] | None = None
    server: LocalServer | None = None
    kills: int = 0

    @property
    def running(self) -> LocalServer:
        """The server, started where it is not."""
        if self.server is None:
            self.process = start(self.home)
            self.server = wait_until_up(self.process)
        return self.server

    def kill(self) -> None:
        """`kill -9`, and waits until it is gone."""
        assert self.process is not None
        assert self.server is not None
        os.kill(self.server.pid, signal.SIGKILL)
        self.process.communicate(timeout=60)
        self.server = None
        self.kills += 1

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.communicate(timeout=60)

    def backend(self, progress: Callable[[str], None] = lambda line: None) -> ArgillaBackend:
        running = self.running
        return ArgillaBackend(Connection(Server(running.url, running.api_key)), "argilla", progress)


@contextmanager
def argilla(home: Path) -> Iterator[Argilla]:
    made = Argilla(home)
    try:
        yield made
    finally:
        made.stop()


def push_rows(run: Path, server: Argilla, progress: Callable[[str], None] = lambda line: None) -> PushReport:
    with closing(server.backend()) as backend:
        return push(run, backend, PushOptions(), progress)


def pull_rows(run: Path, server: Argilla) -> PullReport:
    with closing(server.backend()) as backend:
        return pull(run, backend, pushed_to(backend, None), lambda line: None)


def push_with_a_kill(run: Path, server: Argilla) -> None:
    """A push whose server dies as soon as the first batch is in."""

    def kill_once(line: str) -> None:
        if server.server is not None:
            server.kill()

    try:
        push_rows(run, server, kill_once)
    except UnreachableError:
        return
    raise AssertionError("the server was gone, and nobody noticed")


class _KilledWhileRead(ArgillaBackend):
    """Kills the server after the first page of answers."""

    on_page: Callable[[], None]

    def answers(self, target: ReviewTarget) -> Iterator[list[Answer]]:
        for page in super().answers(target):
            yield page
            self.on_page()


def pull_with_a_kill(run: Path, server: Argilla) -> None:
    """A pull whose server dies after the first page."""
    running = server.running
    connection = Connection(Server(running.url, running.api_key))
    backend = _KilledWhileRead(connection, "argilla", lambda line: None)
    backend.on_page = lambda: server.kill() if server.server is not None else None
    with closing(backend):
        try:
            pull(run, backend, pushed_to(backend, None), lambda line: None)
        except UnreachableError:
            return
    raise AssertionError("the server was gone, and nobody noticed")


@dataclass
class Person:
    """An annotator who answers by a script, through Argilla's client, with an account of their own."""

    name: str
    password: str

    def client(self, server: LocalServer) -> Any:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({"username": self.name, "password": self.password}).encode()
        token = call(server, "POST", "/api/v1/token", body, **form)[1]["access_token"]
        headers = {"X-Argilla-Api-Key": "", "Authorization": f"Bearer {token}"}
        key = call(server, "GET", "/api/v1/me", None, **headers)[1]["api_key"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import argilla as rg

            return rg.Argilla(api_url=server.url, api_key=key, timeout=600)

    def answer(self, server: LocalServer, records: Sequence[Json], pause: float = 0.0) -> None:
        """Answers these records (as `records_of` lists them) one after another."""
        client = self.client(server)
        for record in records:
            said = script(record["external_id"], record["draft"], self.name)
            body = {
                "status": said["status"],
                "values": {name: {"value": value} for name, value in said["values"].items()},
            }
            client.http_client.post(f"/api/v1/records/{record['id']}/responses", json=body).raise_for_status()
            time.sleep(pause)
        client.http_client.close()


def people(server: Argilla) -> list[Person]:
    return [Person(a.username, a.password or "") for a in make_annotators(server.running, NAMES)]


def script(row: str, draft: str, name: str) -> Json:
    """What this person says about this row. One in ten is rejected, three are edited, one of those by each
    reader in another way."""
    kind = crc32(row.encode()) % 10
    if kind == 0:
        return {"status": "discarded", "values": {"reasons": ["wrong"], "quality": 1}}
    rating = 5 - (crc32(f"{row}{name}".encode()) % 2)
    if kind == 1:
        return {
            "status": "submitted",
            "values": {"response": f"{draft} {name} adds this.", "quality": rating},
        }
    if kind in (2, 3):
        return {
            "status": "submitted",
            "values": {"response": f"{draft} Put right by hand.", "quality": rating},
        }
    return {"status": "submitted", "values": {"response": draft, "quality": rating}}


def records_of(server: LocalServer, dataset: str) -> list[Json]:
    """All records of a dataset with their drafts: id, external_id, draft."""
    found: list[Json] = []
    datasets = call(server, "GET", "/api/v1/me/datasets")[1]["items"]
    key = next(item["id"] for item in datasets if item["name"] == dataset)
    questions = call(server, "GET", f"/api/v1/datasets/{key}/questions")[1]["items"]
    response = next(question["id"] for question in questions if question["name"] == "response")
    while True:
        path = f"/api/v1/datasets/{key}/records?limit=500&offset={len(found)}&include=suggestions"
        page = call(server, "GET", path)[1]
        for item in page["items"]:
            draft = next(s["value"] for s in item["suggestions"] if s["question_id"] == response)
            found.append({"id": item["id"], "external_id": item["external_id"], "draft": draft})
        if not page["items"] or len(found) >= page["total"]:
            return found


def readers_of(record: Json, needed: int) -> list[str]:
    """Who is to read a record: `needed` of the people, spread evenly."""
    first = crc32(record["external_id"].encode()) % len(NAMES)
    return [NAMES[(first + step) % len(NAMES)] for step in range(needed)]


def shown_to(run: Path) -> dict[str, int]:
    """How many are to read each row that was pushed, from the journal itself."""
    needed = {}
    with RunFolder(run).decisions.open() as lines:
        for line in lines:
            event = json.loads(line)
            if event["kind"] == "shown":
                needed[event["row"]] = event["needed"]
    return needed


def journaled_answers(run: Path) -> list[Json]:
    with RunFolder(run).decisions.open() as lines:
        events = [json.loads(line) for line in lines]
    return [event for event in events if event["kind"] == "answer"]


def expected(row: str, draft: str, readers: Sequence[str]) -> tuple[str, str | None]:
    """The status and the text that the people's answers come to."""
    said = [script(row, draft, name) for name in readers]
    if all(each["status"] == "discarded" for each in said):
        return "rejected", None
    texts = {each["values"]["response"] for each in said}
    if len(texts) > 1:
        return "conflict", None
    text = texts.pop()
    return ("accepted" if text == draft else "edited"), text


def answer_in_background(
    person: Person, server: LocalServer, records: Sequence[Json], pause: float
) -> threading.Thread:
    """Somebody who goes on answering while others pull."""
    thread = threading.Thread(target=person.answer, args=(server, records, pause))
    thread.start()
    return thread
