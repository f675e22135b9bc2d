"""A server does not decide how much memory, disk or time a reply takes."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import orjson
import pytest

import synth
from synth.api import run_with_result
from synth.store import RunFolder
from tests.odd_server import OddServer, good_reply

pytestmark = pytest.mark.timeout(120)
LONG = 20_000_000
# All are in flight at once, and fewer than the refusals that stop a run early.
ROWS = 8


@pytest.fixture
def recipe(desk: Path, server: OddServer) -> Path:
    (desk.parent / "prompts.jsonl").write_text(
        "".join(json.dumps({"instruction": f"What is {n} and {n}?"}) + "\n" for n in range(ROWS))
    )
    desk.write_text(
        f"name: desk\nmodels: {{writer: {{model: fake, base_url: '{server.url}', give_up_after: 1}}}}\n"
        "sources: {prompts: prompts.jsonl}\nstages: [{respond: {}}]\n"
    )
    return desk


def long_reply(body: bytes) -> bytes:
    reply = good_reply(body)
    reply["choices"][0]["message"]["content"] = "word " * (LONG // 5)
    return orjson.dumps(reply)


def headers_of(handler: BaseHTTPRequestHandler, **headers: str) -> None:
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def named(handler: BaseHTTPRequestHandler, asked: bytes) -> None:
    body = long_reply(asked)
    headers_of(handler, Content_Length=str(len(body)))
    handler.wfile.write(body)


def chunked(handler: BaseHTTPRequestHandler, asked: bytes) -> None:
    headers_of(handler, Transfer_Encoding="chunked")
    body = long_reply(asked)
    for start in range(0, len(body), 65536):
        chunk = body[start : start + 65536]
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
    handler.wfile.write(b"0\r\n\r\n")


def endless(handler: BaseHTTPRequestHandler, asked: bytes) -> None:
    """Until the client hangs up."""
    headers_of(handler, Connection="close")
    while True:
        handler.wfile.write(b" " * 65536)


Way = Callable[[BaseHTTPRequestHandler, bytes], None]

# Runs a recipe and says how much memory that took at the most, in bytes.
CHILD = """
import resource, sys
from synth.cli import main
try:
    main(["run", sys.argv[1], "--out", sys.argv[2], "--json"])
except SystemExit as ended:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, ended.code, file=sys.stderr)
"""


def peak_and_code(recipe: Path, out: Path) -> tuple[int, int]:
    command = [sys.executable, "-c", CHILD, str(recipe), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    peak, code = done.stderr.split()[-2:]
    return int(peak), int(code)


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize("way", [named, chunked, endless])
def test_a_reply_too_long_is_not_read_to_its_end(
    way: Way, recipe: Path, server: OddServer, tmp_path: Path
) -> None:
    plain, code = peak_and_code(recipe, tmp_path / "plain")
    assert code == 0
    server.asked.clear()
    server.stream = lambda handler: way(handler, server.asked[0])
    peak, code = peak_and_code(recipe, tmp_path / "run")
    assert code == 1
    # All at once, of a little more than a MiB each.
    assert peak - plain < 60_000_000 < LONG * ROWS
    assert len(server.asked) == ROWS
    rows = list(synth.open(tmp_path / "run").rows())
    assert [row["status"] for row in rows] == ["failed"] * ROWS
    assert all("limits.reply_bytes" in row["detail"] for row in rows)
    assert RunFolder(tmp_path / "run").journal.stat().st_size < 100_000


def test_a_compressed_reply_stays_compressed(recipe: Path, server: OddServer, tmp_path: Path) -> None:
    bomb = gzip.compress(b" " * 200_000_000)
    server.answer = lambda body: (200, {"Content-Encoding": "gzip"}, bomb)
    result = run_with_result(recipe, tmp_path / "run")
    assert "not JSON" in str(result.error)
    assert result.summary["pending"] == ROWS


def test_a_recipe_can_allow_more(recipe: Path, server: OddServer, tmp_path: Path) -> None:
    server.answer = lambda body: (200, {}, long_reply(body))
    allowed = [f"models.writer.limits.reply_bytes={2 * LONG}"]
    result = run_with_result(recipe, tmp_path / "run", settings=allowed, limit=2)
    assert (result.error, result.summary["accepted"]) == (None, 2)


def test_of_an_error_only_the_words_are_read(recipe: Path, server: OddServer, tmp_path: Path) -> None:
    server.answer = lambda body: (400, {}, b"too long " * 3_000_000)
    result = run_with_result(recipe, tmp_path / "run", limit=2)
    assert result.summary["failed"] == 2
    assert RunFolder(tmp_path / "run").journal.stat().st_size < 10_000
