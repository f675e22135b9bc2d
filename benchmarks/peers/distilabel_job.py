"""distilabel: `distilabel_job.py URL ROWS AT_ONCE [BATCH]`.

A batch is sent all at once and waited for to its last answer, so the batch size is its one setting for
concurrency. The best has yet to be found by trying; the default is a guess.
"""

from __future__ import annotations

import sys

from common import KEY, MAX_TOKENS, MODEL, Job, check, job_from_arguments
from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

BATCH = 500


def main(job: Job, batch: int) -> None:
    with Pipeline(name="bench") as pipeline:
        load = LoadDataFromDicts(data=[{"instruction": prompt} for prompt in job.prompts], batch_size=batch)
        answer = TextGeneration(
            llm=OpenAILLM(
                model=MODEL,
                base_url=job.url,
                api_key=KEY,
                generation_kwargs={"max_new_tokens": MAX_TOKENS},
            ),
            input_batch_size=batch,
        )
        load >> answer
    rows = pipeline.run(use_cache=False)["default"]["train"]
    check(job, rows["generation"])


if __name__ == "__main__":
    # It starts a process for each step.
    main(job_from_arguments(), int(sys.argv[4]) if len(sys.argv) > 4 else BATCH)
