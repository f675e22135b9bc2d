"""The error for a wrong address, model or key names the one thing that is wrong, and what to do."""

from __future__ import annotations

import json
import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest

from synth.cli.app import main
from tests.odd_server import OddServer
from tests.support.loopback.process import LoopbackProcess

pytestmark = pytest.mark.timeout(60)


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command that cannot reach its server says."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code == 3
    return " ".join("".join(capsys.readouterr()).split())


def recipe(desk: Path, url: str, **model: object) -> Path:
    writer = {"model": "fake", "base_url": url, "give_up_after": 0.5, **model}
    stages = [{"generate": {"count": 3}}]
    data = {"name": "desk", "models": {"writer": writer}, "sources": {"seeds": "seeds.jsonl"}}
    desk.write_text(json.dumps({**data, "stages": stages}))
    return desk


def test_a_wrong_model(desk: Path, loopback: LoopbackProcess, capsys: pytest.CaptureFixture[str]) -> None:
    words = said(capsys, "run", recipe(desk, loopback.url, model="fakes"))
    assert "the server refuses every request" in words
    assert "It has: fake." in words
    assert "is the model's name right?" in words


def test_a_missing_v1(desk: Path, loopback: LoopbackProcess, capsys: pytest.CaptureFixture[str]) -> None:
    url = loopback.url.removesuffix("/v1")
    several = [url, url + "/other"]
    assert "every server refuses every request" in said(capsys, "run", recipe(desk, several))
    for arguments in (("run", desk), ("doctor", desk), ("init", desk.parent / "new", "--endpoint", url)):
        recipe(desk, url)
        assert "end in /v1" in said(capsys, *arguments)
    assert not (desk.parent / "new").exists()


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_wrong_key(
    command: str,
    desk: Path,
    loopback: LoopbackProcess,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loopback.control(key="right")
    monkeypatch.setenv("DESK_KEY", "wrong")
    words = said(capsys, command, recipe(desk, loopback.url, api_key_env="DESK_KEY"))
    assert "Incorrect API key" in words
    assert "Is the key right" in words
    assert "/v1?" not in words


def test_a_missing_key(desk: Path, loopback: LoopbackProcess, capsys: pytest.CaptureFixture[str]) -> None:
    loopback.control(key="right")
    recipe(desk, loopback.url)
    for arguments in (("doctor", desk), ("init", desk.parent / "new", "--endpoint", loopback.url)):
        assert "This server needs a key" in said(capsys, *arguments)


def test_a_redirect_is_followed_by_nobody(
    desk: Path, loopback: LoopbackProcess, server: OddServer, capsys: pytest.CaptureFixture[str]
) -> None:
    loopback.control(redirect=f"{server.url}/models")
    recipe(desk, loopback.url)
    for command in ("doctor", "run"):
        words = said(capsys, command, desk)
        assert f"redirects to {server.url}" in words
        assert "Redirects are not followed" in words


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_https_where_plain_http_is_spoken(
    command: str, desk: Path, server: OddServer, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    words = said(capsys, command, recipe(desk, server.url.replace("http:", "https:")))
    assert "try http://" in words
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_https_where_nobody_answers(
    command: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("synth.http._CONNECT", timedelta(seconds=0.5))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        words = said(capsys, command, recipe(desk, f"https://127.0.0.1:{silent.getsockname()[1]}/v1"))
    assert "no connection within 0.5 s. Perhaps the server speaks plain HTTP: try http://" in words
    assert time.monotonic() - started < 5
