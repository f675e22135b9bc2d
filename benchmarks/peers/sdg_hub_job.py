"""sdg_hub: `sdg_hub_job.py URL ROWS AT_ONCE`, the three blocks with which its flows ask a model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import yaml
from common import KEY, MAX_TOKENS, MODEL, Job, check, job_from_arguments
from sdg_hub import Flow

PROMPT = [{"role": "user", "content": "{{ instruction }}"}]
FLOW = {
    "metadata": {"name": "bench", "version": "1.0.0", "author": "bench"},
    "blocks": [
        {
            "block_type": "PromptBuilderBlock",
            "block_config": {
                "block_name": "prompt",
                "input_cols": ["instruction"],
                "output_cols": "messages",
                "prompt_config_path": "prompt.yaml",
            },
        },
        {
            "block_type": "LLMChatBlock",
            "block_config": {
                "block_name": "chat",
                "input_cols": "messages",
                "output_cols": "response",
                "async_mode": True,
                "max_tokens": MAX_TOKENS,
            },
        },
        {
            "block_type": "LLMResponseExtractorBlock",
            "block_config": {"block_name": "extract", "input_cols": "response", "field_prefix": "answer_"},
        },
    ],
}


def main(job: Job) -> None:
    Path("prompt.yaml").write_text(yaml.safe_dump(PROMPT))
    Path("flow.yaml").write_text(yaml.safe_dump(FLOW))
    flow = Flow.from_yaml("flow.yaml")
    flow.set_model_config(model=f"openai/{MODEL}", api_base=job.url, api_key=KEY)
    rows = flow.generate(pd.DataFrame({"instruction": job.prompts}), max_concurrency=job.at_once)
    rows.to_json("answers.jsonl", orient="records", lines=True)
    check(job, rows["answer_content"])


if __name__ == "__main__":
    main(job_from_arguments())
