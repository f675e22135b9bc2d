"""Every reply of a server is an answer, an unusable answer, or a fault of the server, and never ends a
run.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from random import Random

import orjson
import pytest

from synth.api import run_with_result
from synth.errors import UnreachableError
from synth.llm.base import Reply, Request
from synth.llm.chat_completions import read_body, read_reply
from synth.llm.openai_compatible.retry import judge_body
from synth.stages.asking import Unusable
from synth.stages.structured_output import parse_object, read_text
from synth.stages.verdicts import level_chances, level_in
from synth.store import RunFolder
from synth.store.journal import JournalRecord, Place, encode, read_records
from synth.store.run import RunStore
from synth.store.writer import INSERT_REPLY, reply_line
from tests.odd_replies import ODD, good_replies, mutated
from tests.odd_server import Answer, OddServer, good_reply

pytestmark = pytest.mark.timeout(120)

# Each was journaled once, and then no call of the run came to its end.
POISON = [
    {"choices": {"message": {"content": "4"}}},
    {"choices": 7},
    *({"usage": usage} for usage in ([1], "many", 7, 1e30, {"completion_tokens": 2**70})),
    *({"usage": {"prompt_tokens": count, "completion_tokens": count}} for count in ("12", [12], -5, 1e30)),
    {"usage": {"prompt_tokens": 3, "prompt_tokens_details": "none"}},
]
LOGPROBS = [
    [{"logprob": -0.1}],
    [{"token": "4", "logprob": "-0.1"}],
    [{"token": "4", "logprob": 900.0}],
    [{"token": "4", "logprob": None}],
    [{"token": "4", "logprob": -0.1, "top_logprobs": [["4", -0.1]]}],
    [{"token": 4, "logprob": -0.1}],
    {"4": -0.1},
    "none",
]


LEVELS = range(1, 6)


def poisoned(changes: dict[str, object]) -> bytes:
    return json.dumps({**good_replies()[0], **changes}).encode()


def verdict(raw: bytes) -> str:
    """What becomes of a reply, after all that a run does with one."""
    try:
        body = read_body(raw)
    except ValueError:
        return "no JSON"
    if (failure := judge_body(body)) is not None:
        if "aborted" not in failure.words:
            with pytest.raises(ValueError):
                read_reply(raw)
        return "the server's fault"
    reply = read_reply(raw)
    check(reply)
    read = [
        read_text,
        lambda reply: level_chances(reply, level_in(reply, "score", LEVELS), LEVELS),
        lambda reply: level_in(reply, "score", LEVELS),
        lambda reply: parse_object(reply.text, None),
    ]
    usable = False
    for how in read:
        try:
            how(reply)
            usable = True
        except Unusable:
            continue
    return "an answer" if usable else "unusable"


def check(reply: Reply) -> None:
    """That it can be written into a row, a database and a file."""
    orjson.dumps([reply.text, reply.reasoning, reply.finish, reply.model])
    usage = reply.usage
    assert all(type(count) is int and 0 <= count < 2**31 for count in (usage.prompt, usage.completion))
    assert all(type(token.token) is str and token.logprob <= 0 for token in reply.logprobs)
    assert all(chance <= 0 for token in reply.logprobs for chance in token.top.values())


def test_ten_thousand_odd_replies() -> None:
    chance, replies = Random(5), good_replies()
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE replies (a, b, c, d, e, f, g, h, i)")
    found: Counter[str] = Counter()
    for number in range(10_000):
        raw = mutated(chance, replies)
        found[verdict(raw)] += 1
        record = JournalRecord("reply", f"{number:064x}", b'{"model":"fake"}', raw, 64)
        database.execute(INSERT_REPLY, reply_line(record, Place(number, 1)))
    database.close()
    assert min(found[kind] for kind in ("no JSON", "the server's fault", "unusable", "an answer")) > 100


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:30])
def test_any_value_as_the_whole_reply_or_as_its_content(odd: object) -> None:
    assert verdict(json.dumps(odd).encode()) in ("no JSON", "the server's fault")
    message = {"role": "assistant", "content": odd}
    assert verdict(json.dumps({"choices": [{"message": message}]}).encode()) in ("an answer", "unusable")


@pytest.mark.parametrize("logprobs", LOGPROBS, ids=repr)
def test_no_score_is_read_from_odd_logprobs(logprobs: object) -> None:
    choice = {"message": {"content": "4"}, "finish_reason": "stop", "logprobs": {"content": logprobs}}
    reply = read_reply(orjson.dumps({"choices": [choice]}))
    assert (reply.text, reply.logprobs) == ("4", ())


def test_half_an_emoji_and_other_bytes_cost_their_own_place_alone() -> None:
    head, tail = b'{"choices":[{"message":{"content":"', b'"}}]}'
    assert read_reply(head + rb"half \ud83d of one" + tail).text == "half \ufffd of one"
    assert read_reply(head + rb"a whole \ud83d\ude00 one" + tail).text == "a whole \U0001f600 one"
    assert read_reply(head + b"no \xff text" + tail).text == "no \ufffd text"
    assert read_reply(b"\xef\xbb\xbf" + head + b"marked" + tail).text == "marked"


def test_what_a_server_does_not_count_is_estimated() -> None:
    choice = {"message": {"content": "four words of text", "reasoning": "hm"}}
    for usage in ({}, [], {"completion_tokens": -20}, {"completion_tokens": "20"}):
        reply = read_reply(orjson.dumps({"choices": [choice], "usage": usage}))
        assert reply.usage.completion == 5
        assert reply.usage.of(b"w" * 400).prompt == 100


@pytest.fixture
def recipe(desk: Path, server: OddServer) -> Path:
    there = f"model: fake, base_url: '{server.url}', give_up_after: 0.5"
    desk.write_text(
        f"name: desk\nmodels:\n  writer: {{{there}}}\n  judge: {{{there}}}\nsources: {{seeds: seeds.jsonl}}\n"
        "stages:\n  - generate: {count: 110}\n  - score: {rubric: quality, seeds: false, keep: '>= 1'}\n"
    )
    return desk


def test_a_run_on_a_server_of_odd_replies(recipe: Path, server: OddServer, tmp_path: Path) -> None:
    chance = Random(3)

    def sometimes_odd(body: bytes) -> Answer:
        reply = good_reply(body)
        return 200, {}, mutated(chance, [reply]) if chance.random() < 0.5 else orjson.dumps(reply)

    server.answer = sometimes_odd
    first = run_with_result(recipe, tmp_path / "run")
    assert first.error is None
    assert len(server.asked) > 300
    records = [record.identity for _, record in read_records(RunFolder(tmp_path / "run").journal)]
    assert len(records) == len(set(records))
    for file in (tmp_path / "run").glob("rows.sqlite*"):
        file.unlink()
    server.asked.clear()
    again = run_with_result(recipe, tmp_path / "run")
    assert (again.error, again.exit_code, server.asked) == (None, first.exit_code, [])
    rows = ("accepted", "dropped", "failed", "pending")
    assert [again.summary[key] for key in rows] == [first.summary[key] for key in rows]


@pytest.mark.parametrize("body", [b'{"choices": {"a": 1}}', b'{"choices": [{"message": 4}]}', b"[]", b"{"])
def test_a_server_that_never_answers_is_unreachable(
    body: bytes, recipe: Path, server: OddServer, tmp_path: Path
) -> None:
    server.answer = lambda _: (200, {}, body)
    ill = run_with_result(recipe, tmp_path / "run")
    assert isinstance(ill.error, UnreachableError)
    assert ill.summary["failed"] == 0
    server.answer = lambda asked: (200, {}, orjson.dumps(good_reply(asked)))
    mended = run_with_result(recipe, tmp_path / "run")
    assert (mended.error, mended.summary["pending"]) == (None, 0)
    assert mended.summary["accepted"] > 0


@pytest.mark.parametrize("changes", POISON, ids=repr)
def test_a_journal_that_holds_an_odd_reply_is_gone_on_with(
    changes: dict[str, object], recipe: Path, server: OddServer, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run_with_result(recipe, out, limit=4)
    journal = RunFolder(out).journal
    records = [record for _, record in read_records(journal)]
    for index in range(0, len(records), 2):
        records[index] = replace(records[index], reply=poisoned(changes))
    journal.write_bytes(b"".join(map(encode, records)))
    for file in out.glob("rows.sqlite*"):
        file.unlink()
    assert run_with_result(recipe, out, limit=4).error is None


def test_what_an_older_version_journaled_is_unusable(tmp_path: Path) -> None:
    async def look() -> bytes | None:
        store = RunStore(tmp_path / "run", "odd")
        store.start()
        try:
            await store.append(Request([], "fake", 64), b'{"choices": 7}')
            found = store.find(Request([], "fake", 64))
            return found.raw if found else None
        finally:
            store.close()

    assert asyncio.run(look()) == b'{"choices": 7}'
    with pytest.raises(Unusable, match="no choice") as unusable:
        read_text(Reply("", unreadable="the answer holds no choice with a message"))
    assert unusable.value.reason == "unreadable"


# Whole answers as bytes, with what has the wrong form around their body.
HEADS = [
    b"429 busy\r\nRetry-After: \xff\xfe",
    b"302 moved\r\nLocation: \xff\xfe",
    b"200 OK\r\nX-Odd: \xff\xfe",
    b"999 more",
    b"000 less",
    b"abc",
    b"204 none",
    b"200 OK\r\nContent-Length: -5",
    b"200 OK\r\nContent-Length: 99999999999999999999",
    b"200 OK\r\nTransfer-Encoding: chunked",
    b"200 OK\r\nX-Long: " + b"x" * 1_000_000,
]


@pytest.mark.parametrize("head", HEADS, ids=lambda head: repr(head[:40]))
def test_odd_heads_of_answers_leave_a_run_that_goes_on(
    head: bytes, recipe: Path, server: OddServer, tmp_path: Path
) -> None:
    def odd(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 " + head + b"\r\nConnection: close\r\n\r\nno body")
        handler.close_connection = True

    server.stream = odd
    quickly = ["models.writer.give_up_after=0.1", "models.judge.give_up_after=0.1"]
    ill = run_with_result(recipe, tmp_path / "run", settings=quickly, limit=3)
    assert isinstance(ill.error, UnreachableError)
    server.stream = None
    mended = run_with_result(recipe, tmp_path / "run", settings=quickly, limit=3)
    assert (mended.error, mended.summary["pending"], mended.summary["failed"]) == (None, 0, 0)
