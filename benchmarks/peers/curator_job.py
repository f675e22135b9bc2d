"""curator: `curator_job.py URL ROWS AT_ONCE`, its OpenAI backend with the limits a minute out of the way."""

from __future__ import annotations

from bespokelabs import curator
from common import KEY, MAX_TOKENS, MODEL, Job, check, job_from_arguments

# Points tiktoken at the encodings in litellm's package; without it curator fetches one at every start.
from litellm.litellm_core_utils import default_encoding  # noqa: F401

NO_LIMIT = 1_000_000_000


class Answer(curator.LLM):  # type: ignore[misc]
    """Asks the row's instruction as it stands."""

    def prompt(self, input: dict[str, str]) -> str:
        return input["instruction"]

    def parse(self, input: dict[str, str], response: str) -> dict[str, str]:
        return {"instruction": input["instruction"], "answer": response}


def main(job: Job) -> None:
    answer = Answer(
        model_name=MODEL,
        backend="openai",
        generation_params={"max_tokens": MAX_TOKENS},
        backend_params={
            "base_url": job.url,
            "api_key": KEY,
            "max_concurrent_requests": job.at_once,
            "max_requests_per_minute": NO_LIMIT,
            "max_tokens_per_minute": NO_LIMIT,
        },
    )
    done = answer([{"instruction": prompt} for prompt in job.prompts], working_dir="curator")
    check(job, done.dataset["answer"])


if __name__ == "__main__":
    main(job_from_arguments())
