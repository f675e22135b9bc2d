"""Keys and passwords are in no file, error or output, and invalid addresses are refused."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest

from synth.api import run_to_end, run_with_result
from synth.cli.app import main
from synth.errors import InputError, RecipeError, UnreachableError
from synth.llm.openai_compatible.model_list import served_models
from synth.review.argilla_api import Refusal
from synth.review.argilla_connection import Connection, Server, find_server
from tests.odd_server import Answer, OddServer, good_reply

pytestmark = pytest.mark.timeout(60)
KEY = 'sk-CANARY/4+7"x'
PASSWORD = "hunter2CANARY"

NO_ADDRESS = {
    "http://": "has no host",
    "https://": "has no host",
    "http:///v1": "has no host",
    "http://[::1": "Invalid IPv6 URL",
    "http://[::1]x/v1": "impossible host",
    "http://256.1.1.1/v1": "impossible host",
    "http://a b/v1": "contains a space",
    "http://127.0.0.1\n/v1": "a line break",
    "http://h/v1/\x1b[31m": "addresses cannot have",
    "http://127.0.0.1:99999/v1": "Port out of range",
    "http://127.0.0.1:0/v1": "ports go from 1",
    "http://127.0.0.1:port/v1": "is not an address",
    "http://127.0.0.1/%zz": "write %25",
    "http://127.0.0.1/v1?key=value": "the part before it",
    "localhost:8311/v1": "write http://localhost:8311/v1",
    "//localhost:8311/v1": "write http://localhost:8311/v1",
    "ftp://localhost/v1": "write http://localhost/v1",
    "": "write http://",
}


@pytest.fixture
def recipe(desk: Path, server: OddServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESK_KEY", KEY)
    write(desk, base_url=server.url, api_key_env="DESK_KEY")
    return desk


def write(recipe: Path, **model: object) -> None:
    (recipe.parent / "prompts.jsonl").write_text('{"instruction": "What is the key?"}\n' * 2)
    data = {"name": "desk", "models": {"writer": {"model": "fake", **model}}, "stages": [{"respond": {}}]}
    recipe.write_text(json.dumps({**data, "sources": {"prompts": "prompts.jsonl"}}))


def everything_said(capsys: pytest.CaptureFixture[str], folder: Path) -> bytes:
    """What was printed, and all files but the recipe."""
    said = "".join(capsys.readouterr()).encode()
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != "recipe.yaml")
    return said + b"".join(file.read_bytes() for file in files)


def code_of(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.mark.parametrize(("url", "words"), NO_ADDRESS.items())
def test_an_address_that_cannot_be(url: str, words: str, desk: Path) -> None:
    write(desk, base_url=url)
    with pytest.raises(RecipeError) as refused:
        run_with_result(desk)
    assert words in str(refused.value)
    assert "models.writer" in str(refused.value.where)
    with pytest.raises(InputError) as same:
        run_to_end(served_models(url))
    assert words in str(same.value)


@pytest.mark.parametrize(
    "url", ["http://[::1]:9/v1", "HTTPS://my_gpu.example:1/a/v1/", "http://b\u00fccher.example"]
)
def test_an_address_that_can_be(url: str, desk: Path) -> None:
    from synth.recipe.load import load_recipe

    write(desk, base_url=url)
    assert load_recipe(desk).models["writer"].base_urls == [url]


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{PASSWORD}@127.0.0.1:9/v1",
        f"http://{PASSWORD}@127.0.0.1:9/v1",
        f"http://user:{PASSWORD} /x@127.0.0.1:9/v1",
        f"user:{PASSWORD}@127.0.0.1:9/v1",
    ],
)
@pytest.mark.parametrize("command", ["run", "doctor", "init"])
def test_a_password_in_an_address_is_refused_and_shown_nowhere(
    url: str, command: str, desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(desk, base_url=url)
    init = ("init", tmp_path / "new", "--endpoint", url)
    assert code_of(*(init if command == "init" else (command, desk))) == 2
    said = everything_said(capsys, tmp_path)
    assert PASSWORD.encode() not in said
    assert b"api_key_env" in said


def test_a_key_that_a_server_repeats_is_kept_nowhere(
    recipe: Path, server: OddServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def repeat(body: bytes) -> Answer:
        reply = good_reply(body)
        reply["choices"][0]["message"]["content"] = f"The key is {KEY}."
        reply["model"] = KEY
        return 200, {}, orjson.dumps(reply).replace(b"/", b"\\/")

    server.answer = repeat
    assert code_of("run", recipe, "--out", tmp_path / "run") == 0
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert code_of("export", tmp_path / "run") == 0
    said = everything_said(capsys, tmp_path)
    assert b"CANARY" not in said
    assert b"The key is [key]." in said


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_key_that_an_error_repeats_is_kept_nowhere(
    status: int, recipe: Path, server: OddServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answer = lambda body: (status, {}, json.dumps({"error": {"message": f"{KEY} it is"}}).encode())
    code_of("run", recipe, "--out", tmp_path / "run", "--set", "models.writer.give_up_after=0.3")
    said = everything_said(capsys, tmp_path)
    assert b"CANARY" not in said
    assert b"[key] it is" in said


def test_a_word_that_is_a_key_stays_in_answers(
    recipe: Path, server: OddServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_KEY", "password")
    reply = {"choices": [{"message": {"content": "Choose a new password."}, "finish_reason": "stop"}]}
    server.answer = lambda body: (200, {}, orjson.dumps(reply))
    assert run_with_result(recipe, tmp_path / "run").error is None
    assert any(b"new password" in file.read_bytes() for file in (tmp_path / "run").glob("*.journal"))


@pytest.mark.parametrize("key", ["sk two", "sk-line\n", "sk-\u00fc", "sk-\x1b[31m"])
@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_key_that_cannot_be_is_refused_alike(
    key: str,
    command: str,
    recipe: Path,
    server: OddServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DESK_KEY", key)
    assert code_of(command, recipe) != 0
    said = "".join(capsys.readouterr())
    assert "DESK_KEY contains characters that keys cannot have" in said
    assert key not in said
    assert server.keys == []


@pytest.mark.parametrize("name", ["skabcCANARY123", "SKABCCANARY1234567890", "sk_abc_CANARY"])
def test_a_key_in_the_place_of_its_variable_is_not_shown(
    name: str, desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(desk, base_url="http://127.0.0.1:9/v1", api_key_env=name)
    assert code_of("run", desk) == UnreachableError.exit_code
    assert code_of("doctor", desk) == UnreachableError.exit_code
    said = everything_said(capsys, tmp_path)
    assert b"CANARY" not in said
    assert b"never the key itself" in said


def test_a_variable_that_is_not_set_is_named(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(desk, base_url="http://127.0.0.1:9/v1", api_key_env="WRITER_KEY_2")
    assert code_of("run", desk) == UnreachableError.exit_code
    assert "export WRITER_KEY_2=..." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        (f"https://user:{PASSWORD}@argilla.example", "owners.key", "a user name or a password"),
        ("argilla.example:6900", "owners.key", "write http://argilla.example:6900"),
        ("https://argilla.example", f"{PASSWORD}\n", "OWNERS_KEY contains characters that keys cannot have"),
    ],
)
def test_an_argilla_elsewhere_is_named_without_secrets(
    url: str, key: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWNERS_KEY", key)
    with pytest.raises(InputError) as refused:
        find_server(url, "OWNERS_KEY")
    assert words in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_key_that_an_argilla_repeats_is_not_shown(server: OddServer) -> None:
    pytest.importorskip("argilla")
    user = dict.fromkeys(("id", "first_name", "last_name", "inserted_at", "updated_at"))
    server.look_up["/api/v1/me"] = {**user, "username": "ann", "role": "owner"}
    connection = Connection(Server(server.url.removesuffix("/v1"), "owners-CANARY-key"))
    with pytest.raises(Refusal, match=r"no \[key\]") as refused:
        connection.call("GET", "broken")
    connection.close()
    assert "CANARY" not in str(refused.value)
