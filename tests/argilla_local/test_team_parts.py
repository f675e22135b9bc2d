"""The parts of the full deployment, started as its compose file says but without containers.

PostgreSQL, Redis, Argilla's server, its worker, and the way of a review there and back. What is missing is
Elasticsearch: listing records, which is all that `synth` needs, does not ask it.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("argilla", reason="needs the argilla client")
pytest.importorskip("wordllama", reason="needs wordllama")

import synth
from synth.review.argilla_connection import Connection, Server
from synth.review.environment import ensure_environment
from synth.review.local_argilla import LocalServer
from synth.review.pull import PullReport, pull
from synth.review.push import PushOptions, PushReport, push
from synth.review.records import ReviewRecord
from synth.review.targets.argilla.backend import ArgillaBackend
from synth.review.targets.base import TargetSpec
from synth.review.targets.pushed import pushed_to
from synth.review.tasks import load_task
from tests.argilla_local.test_team import SERVICES
from tests.review.argilla_circle import records_of
from tests.review.desk_review import run_desk
from tests.review.local_argilla import call, eventually

PROGRAMS = ("initdb", "postgres", "pg_isready", "redis-server", "redis-cli")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
FILLED_IN = {
    "POSTGRES_PASSWORD": "a1b2c3d4e5",
    "REDIS_PASSWORD": "f6a7b8c9d0",
    "ELASTIC_PASSWORD": "unused",
    "ARGILLA_AUTH_SECRET_KEY": "0123456789abcdef",
    "ARGILLA_OWNER_PASSWORD": "owners-password",
    "ARGILLA_OWNER_API_KEY": "owners-api-key",
}

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("default"),  # the argilla client's own
    pytest.mark.skipif(bool(MISSING), reason=f"needs PostgreSQL and Redis: no {', '.join(MISSING)}"),
]


def filled_in(text: str) -> str:
    """What compose makes of `${NAME:?...}`, `${NAME:-default}` and `$${NAME}`."""

    def value(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(":")
        return FILLED_IN.get(name) or default.removeprefix("-")

    return re.sub(r"(?<!\$)\$\{([^}]*)\}", value, text).replace("$${", "${")


@dataclass(frozen=True)
class Parts:
    """Where the parts run, in place of the names that they have in compose's network."""

    folder: Path
    ports: Mapping[str, int]
    python: Path
    libraries: Path

    def environment(self, service: str) -> dict[str, str]:
        given = {name: filled_in(str(text)) for name, text in SERVICES[service]["environment"].items()}
        for name, text in given.items():
            for part, usual in (("postgres", 5432), ("redis", 6379)):
                text = text.replace(f"@{part}:{usual}", f"@127.0.0.1:{self.ports[part]}")
            given[name] = text.replace("/var/lib/argilla", str(self.folder / "home"))
        path = os.pathsep.join([str(self.libraries), str(Path(__file__).parent)])
        return {**os.environ, **given, "ARGILLA_SEARCH_ENGINE": "no_search", "PYTHONPATH": path}

    def is_healthy(self, service: str) -> bool:
        """What its own check in the compose file says."""
        kind, *words = SERVICES[service]["healthcheck"]["test"]
        words = [filled_in(word) for word in words]
        environment = self.environment(service)
        if service == "argilla":
            words = [word.replace(":6900/", f":{self.ports['argilla']}/") for word in words]
        if kind == "CMD":
            words = [str(self.python), *words[1:]]
        else:
            words = ["sh", "-c", *words]
            environment["PGPORT"] = str(self.ports["postgres"])
            environment["PGHOST"] = "127.0.0.1"
            words[-1] = words[-1].replace("redis-cli", f"redis-cli -p {self.ports['redis']}")
        return subprocess.run(words, env=environment, capture_output=True, check=False).returncode == 0

    def argilla(self, *words: str) -> None:
        command = [str(self.python), "-m", "argilla_server", *words]
        subprocess.run(command, env=self.environment("argilla"), check=True, capture_output=True)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: list[str], environment: Mapping[str, str], user: int | None = None) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    started = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet, user=user)
    try:
        yield
    finally:
        started.terminate()
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def postgres_user() -> int | None:
    """PostgreSQL refuses to run as root."""
    return pwd.getpwnam("postgres").pw_uid if os.geteuid() == 0 else None


@contextmanager
def postgres(folder: Path, port: int) -> Iterator[None]:
    user = postgres_user()
    data = folder / "postgres"
    data.mkdir()
    password = folder / "password"
    password.write_text(FILLED_IN["POSTGRES_PASSWORD"])
    if user is not None:
        folder.chmod(0o755)
        os.chown(data, user, -1)
        os.chown(password, user, -1)
    make = ["initdb", "--pgdata", str(data), "--username", "argilla", "--auth", "scram-sha-256"]
    subprocess.run([*make, "--pwfile", str(password)], user=user, check=True, capture_output=True)
    single = ["postgres", "--single", "-D", str(data), "postgres"]
    subprocess.run(single, user=user, check=True, capture_output=True, input=b"CREATE DATABASE argilla;\n")
    serve = ["postgres", "-D", str(data), "-p", str(port), "-k", str(data), "-h", "127.0.0.1"]
    with process(serve, os.environ, user):
        yield


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """All of them, up; with the drivers for PostgreSQL that the image has and the local server has not."""
    libraries = tmp_path_factory.mktemp("libraries")
    drivers = ["asyncpg~=0.30.0", "psycopg2-binary~=2.9.5"]
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*install, "--target", str(libraries), *drivers], check=True)
    folder = Path(tempfile.mkdtemp(prefix="argilla-team-"))
    ports = {name: free_port() for name in ("postgres", "redis", "argilla")}
    made = Parts(folder, ports, ensure_environment(lambda line: None), libraries)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        stack.enter_context(postgres(folder, ports["postgres"]))
        shell, option, line = (filled_in(word) for word in SERVICES["redis"]["command"])
        line += f" --port {ports['redis']} --bind 127.0.0.1 --dir {folder}"
        stack.enter_context(process([shell, option, line], made.environment("redis")))
        eventually(lambda: made.is_healthy("postgres") and made.is_healthy("redis"), 60)
        made.argilla("database", "migrate")
        owner = made.environment("argilla")
        account = ["--role", "owner", "--first-name", "Owner", "--username", owner["USERNAME"]]
        account += ["--password", owner["PASSWORD"], "--api-key", owner["API_KEY"]]
        made.argilla("database", "users", "create", *account, "--workspace", owner["WORKSPACE"])
        start = "import no_search; from argilla_server.cli.start import start; "
        start += f"start(host='127.0.0.1', port={ports['argilla']}, access_log=False)"
        stack.enter_context(process([str(made.python), "-c", start], owner))
        # As `python -m argilla_server worker`, which has no place to register an engine in.
        worker = "import no_search; from argilla_server.cli.worker import worker; "
        worker += "worker(queues=['default', 'high'], num_workers=1)"
        stack.enter_context(process([str(made.python), "-c", worker], made.environment("worker")))
        eventually(lambda: made.is_healthy("argilla") and made.is_healthy("worker"), 120)
        yield made


@pytest.fixture
def team(parts: Parts) -> LocalServer:
    url = f"http://127.0.0.1:{parts.ports['argilla']}"
    return LocalServer(
        url, "owner", FILLED_IN["ARGILLA_OWNER_PASSWORD"], FILLED_IN["ARGILLA_OWNER_API_KEY"], 0
    )


def backend_of(server: LocalServer) -> ArgillaBackend:
    return ArgillaBackend(Connection(Server(server.url, server.api_key)), None, lambda line: None)


def push_there(run: Path, server: LocalServer) -> PushReport:
    with closing(backend_of(server)) as backend:
        return push(run, backend, PushOptions(), lambda line: None)


def pull_there(run: Path, server: LocalServer) -> PullReport:
    with closing(backend_of(server)) as backend:
        return pull(run, backend, pushed_to(backend, None), lambda line: None)


def test_a_review_goes_there_and_back(team: LocalServer, desk: Path, tmp_path: Path) -> None:
    run = tmp_path / "out"
    run_desk(desk, run, "stages.generate.count=12", "review.rows=all")
    report = push_there(run, team)
    assert report.targets == ["desk"]
    assert report.refused == []
    assert report.sent > 5
    assert push_there(run, team).sent == 0
    records = records_of(team, "desk")
    body: dict[str, Any] = {"response": {"value": "By a person."}, "quality": {"value": 4}}
    for record in records:
        answer = {"values": body, "status": "submitted"}
        assert call(team, "POST", f"/api/v1/records/{record['id']}/responses", answer)[0] == 201
    assert pull_there(run, team).new == len(records) == report.sent
    assert pull_there(run, team).new == 0
    shown = synth.open(run).row(records[0]["external_id"])
    assert shown["review"]["status"] == "edited"
    assert shown["messages"][-1]["content"] == "By a person."


def test_the_worker_does_its_jobs(team: LocalServer) -> None:
    """A dataset that now wants two answers a record: its records are put back by a job."""
    task = load_task("edit")
    greeting = ReviewRecord(
        "row", {"prompt": [{"role": "user", "content": "Hi"}]}, {"response": "Ho"}, {}, meaning="Hi"
    )
    with closing(backend_of(team)) as backend:
        place = backend.open(TargetSpec("jobs", task))
        backend.send(place, [greeting], lambda batch: None)
        path = f"/api/v1/datasets/{place.id.removeprefix('argilla:')}/records"

        def record() -> dict[str, Any]:
            return dict(call(team, "GET", path)[1]["items"][0])

        answer = {"values": {"response": {"value": "Ho!"}, "quality": {"value": 4}}, "status": "submitted"}
        assert call(team, "POST", f"/api/v1/records/{record()['id']}/responses", answer)[0] == 201
        assert record()["status"] == "completed"
        backend.open(TargetSpec("jobs", task, needed=2))
        eventually(lambda: record()["status"] == "pending", 60)
