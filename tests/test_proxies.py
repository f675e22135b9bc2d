"""No request to this machine, and no key of a model's server, reaches a proxy that the environment names."""

from __future__ import annotations

import socketserver
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest

from synth.api import run_to_end, run_with_result
from synth.cli.app import main
from synth.errors import SynthError, UnreachableError
from synth.llm.openai_compatible.model_list import served_models
from synth.llm.vllm.server import RunningServer, Start
from synth.review import local_argilla
from synth.review.accounts import list_accounts, make_annotators
from synth.review.argilla_connection import Connection, Server
from tests.support.loopback.process import LoopbackProcess

pytestmark = pytest.mark.timeout(60)
KEY = "sk-the-owners-key"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class _Recorder(socketserver.BaseRequestHandler):
    """A proxy that notes what it gets and answers nothing."""

    def handle(self) -> None:
        self.server.seen.append(self.request.recv(65536))  # type: ignore[attr-defined]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """What reaches the proxy that every variable names."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Recorder) as proxy:
        proxy.seen = []  # type: ignore[attr-defined]
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        for name in PROXIES:
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_address[1]}")
            monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{proxy.server_address[1]}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield proxy.seen  # type: ignore[attr-defined]
        proxy.shutdown()


@dataclass
class _Argilla:
    """What there is of an Argilla here: it answers everything, and notes who was shown which key."""

    url: str
    api_key: str
    keys: list[str]
    redirect: str = ""


@pytest.fixture
def argilla() -> Iterator[_Argilla]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there.keys.append(self.headers.get("X-Argilla-Api-Key", ""))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            user = {"id": "0" * 32, "username": "ann", "role": "owner"}
            user |= dict.fromkeys(("first_name", "last_name", "inserted_at", "updated_at"))
            item = {"id": "1", "name": "argilla", **user}
            body = orjson.dumps({"items": [{**item, "username": "owner"}], **user})
            self.send_response(307 if there.redirect else 200)
            if there.redirect:
                self.send_header("Location", there.redirect)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        there = _Argilla(f"http://127.0.0.1:{server.server_port}", KEY, [])
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield there
        server.shutdown()


def test_the_proxy_would_be_used(seen: list[bytes]) -> None:
    """Else the tests below could not fail."""
    import urllib.request

    with pytest.raises(OSError):
        urllib.request.urlopen("http://127.0.0.1:9/secret", timeout=5)
    assert b"/secret" in seen[0]


def test_accounts_of_the_local_argilla(argilla: _Argilla, seen: list[bytes]) -> None:
    assert [account.username for account in list_accounts(argilla)] == ["owner"]
    make_annotators(argilla, ["bob"])
    assert set(argilla.keys) == {KEY}
    assert seen == []


def test_a_redirect_takes_no_key_elsewhere(argilla: _Argilla, seen: list[bytes]) -> None:
    port = argilla.url.rpartition(":")[2]
    argilla.redirect = f"http://localhost:{port}/elsewhere"
    with pytest.raises(UnreachableError, match="307"):
        list_accounts(argilla)
    assert argilla.keys == [KEY]


def test_the_look_for_a_local_argilla(
    argilla: _Argilla, seen: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    state = {"url": argilla.url, "username": "owner", "password": "p", "api_key": KEY, "pid": os.getpid()}
    local_argilla.state_file().parent.mkdir(parents=True)
    local_argilla.state_file().write_bytes(orjson.dumps(state))
    assert local_argilla.running() is not None
    assert seen == []


def test_what_push_and_pull_ask(argilla: _Argilla, seen: list[bytes]) -> None:
    pytest.importorskip("argilla")
    connection = Connection(Server(argilla.url, KEY))
    connection.call("GET", "me/datasets")
    connection.close()
    assert set(argilla.keys) == {KEY}
    assert len(argilla.keys) == 2
    assert seen == []


def test_the_health_of_a_vllm_that_was_started(argilla: _Argilla, seen: list[bytes]) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    server = RunningServer(Start(command, {}, f"{argilla.url}/v1", "model"), log=print)
    server.wait_until_up()
    server.stop()
    assert server.process.stdout is not None
    server.process.stdout.close()
    assert argilla.keys == [""]
    assert seen == []


def test_the_list_of_models(loopback: LoopbackProcess, seen: list[bytes]) -> None:
    loopback.control(key=KEY)
    assert run_to_end(served_models(loopback.url, KEY)) == ["fake"]
    assert seen == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_key_of_a_server_elsewhere(scheme: str, seen: list[bytes]) -> None:
    with pytest.raises(SynthError):
        run_to_end(served_models(f"{scheme}://models.invalid/v1", KEY))
    assert seen == []


def test_a_run_and_doctor(
    loopback: LoopbackProcess, seen: list[bytes], desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.control(key=KEY)
    monkeypatch.setenv("DESK_KEY", KEY)
    desk.write_bytes(recipe(loopback.url))
    with pytest.raises(SystemExit) as ended:
        main(["doctor", str(desk)])
    assert ended.value.code in (0, None)
    result = run_with_result(desk, desk.parent / "out", limit=3)
    assert result.error is None
    # The metrics are read, too: at the start of each run.
    assert loopback.log()["metrics_reads"] > 0
    assert seen == []


def recipe(url: str) -> bytes:
    model = {"model": "fake", "base_url": url, "api_key_env": "DESK_KEY"}
    stages = [{"generate": {"count": 3}}]
    return orjson.dumps(
        {"name": "desk", "models": {"writer": model}, "sources": {"seeds": "seeds.jsonl"}, "stages": stages}
    )
