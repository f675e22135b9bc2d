"""A reply is found as soon as it is durable in the journal, even before the database has it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from synth.llm.base import Request
from synth.store.run import RunStore

REPLY = (
    b'{"choices":[{"message":{"role":"assistant","content":"Yes."},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2}}'
)


def question(number: int) -> Request:
    return Request([{"role": "user", "content": f"Question {number}?"}], "a-model", 64)


def test_a_durable_reply_is_found_before_the_database_knows_it(tmp_path: Path) -> None:
    async def work() -> None:
        store = RunStore(tmp_path / "run", "lookup")
        store.start()
        try:
            await store.append(question(1), REPLY)
            indexed = sqlite3.connect(tmp_path / "run" / store.folder.database.name)
            assert indexed.execute("SELECT count(*) FROM replies").fetchone() == (0,)
            found = store.find(question(1))
            assert found is not None
            assert found.raw == REPLY
            assert store.find(question(2)) is None
            store.drain()
            assert indexed.execute("SELECT count(*) FROM replies").fetchone() == (1,)
            assert store.find(question(1)) == found
            indexed.close()
        finally:
            store.close()

    asyncio.run(work())


def test_a_reply_of_an_earlier_call_is_found_and_a_new_one_beside_it(tmp_path: Path) -> None:
    async def call(number: int, known: set[int]) -> None:
        store = RunStore(tmp_path / "run", "lookup")
        store.start()
        try:
            assert {n for n in range(4) if store.find(question(n))} == known
            await store.append(question(number), REPLY)
            assert {n for n in range(4) if store.find(question(n))} == known | {number}
        finally:
            store.close()

    for number in range(3):
        asyncio.run(call(number, set(range(number))))


def test_numbers_that_an_older_version_indexed_count_for_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        store = RunStore(tmp_path / "run", "lookup")
        store.start()
        try:
            for number in range(4):
                await store.append(question(number), REPLY)
            store.drain()
            with sqlite3.connect(store.folder.database) as index:
                odd = zip(
                    (2**62, 2**62, -900), (question(number).identity for number in range(3)), strict=True
                )
                change = "UPDATE replies SET prompt_tokens = ?1, completion_tokens = ?1 WHERE identity = ?2"
                index.executemany(change, [(count, bytes.fromhex(identity)) for count, identity in odd])
            index.close()
            (used,) = store.usage()
            assert (used.requests, used.usage.prompt, used.usage.completion) == (4, 3, 2)
        finally:
            store.close()

    asyncio.run(work())
