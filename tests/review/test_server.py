"""The local Argilla: a real server that is started, killed and restarted, and gets unauthorised requests."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from synth.errors import InputError, MachineError, UnreachableError
from synth.review.accounts import Account, list_accounts, make_annotators
from synth.review.local_argilla import LocalServer, find, running, state_file
from tests.review.local_argilla import call, eventually, serving, start, wait_until_up


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[LocalServer]:
    with serving(home) as made:
        yield made


def write_state(home: Path, monkeypatch: pytest.MonkeyPatch, url: str, pid: int | None = None) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    state = {"url": url, "username": "o", "password": "p", "api_key": "k", "pid": pid or os.getpid()}
    state_file().parent.mkdir(parents=True)
    state_file().write_text(json.dumps(state))


@contextmanager
def answering() -> Iterator[str]:
    """A program that answers whatever is asked."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Answers) as there:
        threading.Thread(target=there.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{there.server_port}"
        there.shutdown()


def test_no_server_is_found_where_none_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert running() is None
    with pytest.raises(UnreachableError, match="no local Argilla is running"):
        find()


def test_what_a_killed_server_leaves_behind_is_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(tmp_path, monkeypatch, "http://127.0.0.1:9")
    assert running() is None


def test_another_program_at_a_killed_servers_port_is_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be sent the owner's key."""
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    with answering() as url:
        write_state(tmp_path, monkeypatch, url, killed.pid)
        assert running() is None
        state_file().write_text(state_file().read_text().replace(str(killed.pid), str(os.getpid())))
        assert running() is not None


def test_a_state_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(tmp_path, monkeypatch, "http://127.0.0.1:9")
    for damaged in ("{", "[]", '{"url": "http://127.0.0.1:9"}'):
        state_file().write_text(damaged)
        with pytest.raises(MachineError, match="cannot tell whether a local Argilla is running"):
            find()
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    assert running() is None


@pytest.mark.heavy
@pytest.mark.timeout(300)  # the first start installs the server
def test_it_is_found_by_its_state_file(
    server: LocalServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    assert find() == server


@pytest.mark.heavy
def test_what_it_keeps_is_for_its_owner_alone(server: LocalServer, home: Path) -> None:
    data = home / "synth" / "argilla"
    assert data.stat().st_mode & 0o077 == 0
    secret = [home / "synth" / "argilla-server.json", data / "credentials.json", data / "argilla.db"]
    assert [oct(path.stat().st_mode & 0o777) for path in secret] == ["0o600"] * 3


@pytest.mark.heavy
@pytest.mark.parametrize("host", ["evil.example", "evil.example:6900", "127.0.0.1.evil.example", ""])
def test_it_does_not_answer_to_other_host_names(server: LocalServer, host: str) -> None:
    for path in ("/", "/api/v1/me"):
        status, _, _ = call(server, "GET", path, Host=host)
        assert status == 421


@pytest.mark.heavy
def test_it_answers_to_its_own_names(server: LocalServer) -> None:
    port = server.url.rsplit(":", 1)[1]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", "LOCALHOST"):
        assert call(server, "GET", "/api/v1/me", Host=host)[0] == 200


@pytest.mark.heavy
def test_nobody_gets_in_without_a_password(server: LocalServer) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for username, password in (("argilla", "1234"), ("owner", "1234"), ("owner", "owner"), ("owner", "")):
        body = urlencode({"username": username, "password": password}).encode()
        assert call(server, "POST", "/api/v1/token", body, **form)[0] in (401, 422)
    for key in ("argilla.apikey", "", "owner.apikey"):
        assert call(server, "GET", "/api/v1/me", X_Argilla_Api_Key=key)[0] == 401
    names = [account.username for account in list_accounts(server)]
    assert names[0] == "owner"
    assert "argilla" not in names


@pytest.mark.heavy
def test_the_page_may_load_nothing_from_elsewhere(server: LocalServer) -> None:
    _, _, headers = call(server, "GET", "/")
    policy = headers["content-security-policy"]
    assert "connect-src 'self'" in policy
    assert "script-src-attr 'none'" in policy
    assert "img-src 'self' data: blob:" in policy
    _, _, headers = call(server, "GET", "/api/v1/me", Origin="https://evil.example")
    assert "access-control-allow-origin" not in headers


@pytest.mark.heavy
def test_annotators_get_a_password_once(server: LocalServer) -> None:
    made = make_annotators(server, ["ann", "bob", "ann"])
    assert [account.username for account in made] == ["ann", "bob"]
    assert all(account.password for account in made)
    for account in made:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({"username": account.username, "password": account.password or ""}).encode()
        assert call(server, "POST", "/api/v1/token", body, **form)[0] == 201
    assert [account.password for account in make_annotators(server, ["ann", "bob"])] == [None, None]
    assert {account.username: account.role for account in list_accounts(server)} == {
        "owner": "owner",
        "ann": "annotator",
        "bob": "annotator",
    }
    with pytest.raises(InputError, match="no workspace 'elsewhere'"):
        make_annotators(server, ["eve"], workspace="elsewhere")
    with pytest.raises(InputError):
        make_annotators(server, [""])


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["", " ann", "a\tb", "a\nb", "x" * 65])
def test_a_name_that_nobody_can_sign_in_with_makes_no_account(server: LocalServer, name: str) -> None:
    before = list_accounts(server)
    with pytest.raises(InputError, match="cannot be an annotator's name"):
        make_annotators(server, ["zoe", name])
    assert list_accounts(server) == before


def signs_in(server: LocalServer, account: Account) -> bool:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"username": account.username, "password": account.password or ""}).encode()
    return call(server, "POST", "/api/v1/token", body, **form)[0] == 201


@pytest.mark.heavy
def test_a_password_that_was_lost_is_replaced(server: LocalServer) -> None:
    told: list[Account] = []
    names = ["ünï 😀", "o'Brien <b>"]
    lost = make_annotators(server, names, made=told.append)
    assert told == lost
    (renewed,) = make_annotators(server, names[:1], new_passwords=True)
    assert signs_in(server, renewed)
    assert not signs_in(server, lost[0])
    assert signs_in(server, lost[1])
    with pytest.raises(InputError, match="owner: not an annotator's account"):
        make_annotators(server, [names[1], "owner"], new_passwords=True)
    assert signs_in(server, lost[1])


@pytest.mark.heavy
@pytest.mark.parametrize("schema", [None, "0123456789ab"], ids=["no database", "of another version"])
def test_a_database_that_is_not_ours_is_told_and_left_alone(tmp_path: Path, schema: str | None) -> None:
    database = tmp_path / "synth" / "argilla" / "argilla.db"
    database.parent.mkdir(parents=True)
    if schema is None:
        database.write_bytes(b"no database " * 1000)
    else:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            connection.execute("INSERT INTO alembic_version VALUES (?)", (schema,))
    before = database.read_bytes()
    process = start(tmp_path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 4
    assert (schema or "file is not a database") in errors
    assert "Traceback" not in errors
    assert database.read_bytes() == before


@pytest.mark.heavy
@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.9"])
def test_a_host_that_is_none_of_this_machine_is_a_wrong_argument(tmp_path: Path, host: str) -> None:
    process = start(tmp_path, host=host)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "no address of this machine" in errors


@pytest.mark.heavy
def test_one_user_runs_one_server(server: LocalServer, home: Path) -> None:
    process = start(home)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 4
    assert server.url in errors


@pytest.mark.heavy
def test_a_port_in_use_is_told(server: LocalServer, tmp_path: Path) -> None:
    process = start(tmp_path, port=int(server.url.rsplit(":", 1)[1]))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "cannot listen" in errors


class Receiver(BaseHTTPRequestHandler):
    received: list[Any]

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).received.append(json.loads(content))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def make_dataset(server: LocalServer, name: str, records: int) -> str:
    def make(path: str, body: dict[str, Any]) -> Any:
        status, content, _ = call(server, "POST", f"/api/v1/{path}", body)
        assert status == 201, content
        return content

    workspace = call(server, "GET", "/api/v1/me/workspaces")[1]["items"][0]["id"]
    dataset = make("datasets", {"name": name, "workspace_id": workspace})["id"]
    text = {"name": "text", "title": "text", "required": True, "settings": {"type": "text"}}
    make(f"datasets/{dataset}/fields", text)
    make(f"datasets/{dataset}/questions", {**text, "name": "answer", "title": "answer"})
    assert call(server, "PUT", f"/api/v1/datasets/{dataset}/publish")[0] == 200
    items = [{"fields": {"text": f"text {index}"}, "external_id": str(index)} for index in range(records)]
    make(f"datasets/{dataset}/records/bulk", {"items": items})
    return str(dataset)


@pytest.mark.heavy
def test_jobs_are_run(server: LocalServer) -> None:
    Receiver.received = []
    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        hook = {"url": f"http://127.0.0.1:{receiver.server_port}/", "events": ["record.created"]}
        assert call(server, "POST", "/api/v1/webhooks", hook)[0] == 201
        make_dataset(server, "hooked", records=3)
        eventually(lambda: len(Receiver.received) == 3)
        receiver.shutdown()
    assert {event["type"] for event in Receiver.received} == {"record.created"}


@pytest.mark.heavy
def test_a_kill_loses_nothing_and_a_stop_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path)
    first = wait_until_up(process)
    dataset = make_dataset(first, "kept", records=20)
    os.kill(first.pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 4
    assert "ended" in errors

    process = start(tmp_path)
    again = wait_until_up(process)
    assert (again.username, again.password, again.api_key) == (first.username, first.password, first.api_key)
    query = {"query": {"text": {"q": "text"}}}
    found = call(again, "POST", f"/api/v1/me/datasets/{dataset}/records/search", query)[1]
    assert found["total"] == 20
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert not (tmp_path / "synth" / "argilla-server.json").exists()


@pytest.mark.heavy
def test_the_server_goes_with_the_one_who_started_it(tmp_path: Path) -> None:
    process = start(tmp_path)
    server = wait_until_up(process)
    process.kill()
    process.communicate(timeout=30)
    eventually(lambda: not Path(f"/proc/{server.pid}").exists())
