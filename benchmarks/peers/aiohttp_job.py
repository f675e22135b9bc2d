"""Bare aiohttp with JSON lines, the least that can be done: `aiohttp_job.py URL ROWS AT_ONCE`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
from common import MAX_TOKENS, MODEL, Job, check, job_from_arguments

ANSWERS = Path("answers.jsonl")


async def main(job: Job) -> None:
    prompts = iter(job.prompts)
    connector = aiohttp.TCPConnector(limit=0)
    with ANSWERS.open("w") as out:
        async with aiohttp.ClientSession(connector=connector) as session:

            async def ask() -> None:
                for prompt in prompts:
                    messages = [{"role": "user", "content": prompt}]
                    body = {"model": MODEL, "messages": messages, "max_tokens": MAX_TOKENS}
                    async with session.post(f"{job.url}/chat/completions", json=body) as answer:
                        out.write(json.dumps(await answer.json()) + "\n")

            await asyncio.gather(*(ask() for _ in range(job.at_once)))

    with ANSWERS.open() as lines:
        check(job, (json.loads(line)["choices"][0]["message"]["content"] for line in lines))


if __name__ == "__main__":
    asyncio.run(main(job_from_arguments()))
