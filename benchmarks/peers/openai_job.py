"""The openai package alone, with its default transport: `openai_job.py URL ROWS AT_ONCE`.

So many workers share one client and the list of prompts; answers go to a file of JSON lines.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import openai
from common import KEY, MAX_TOKENS, MODEL, Job, check, job_from_arguments

ANSWERS = Path("answers.jsonl")


async def main(job: Job) -> None:
    prompts = iter(job.prompts)
    client = openai.AsyncOpenAI(base_url=job.url, api_key=KEY)

    with ANSWERS.open("w") as out:

        async def ask() -> None:
            for prompt in prompts:
                answer = await client.chat.completions.create(
                    model=MODEL, messages=[{"role": "user", "content": prompt}], max_tokens=MAX_TOKENS
                )
                row = {"prompt": prompt, "answer": answer.choices[0].message.content}
                out.write(json.dumps(row) + "\n")

        await asyncio.gather(*(ask() for _ in range(job.at_once)))

    with ANSWERS.open() as lines:
        check(job, (json.loads(line)["answer"] for line in lines))


if __name__ == "__main__":
    asyncio.run(main(job_from_arguments()))
