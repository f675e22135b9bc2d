"""DataDesigner: `data_designer_job.py URL ROWS AT_ONCE`, a seed dataset of prompts and one text column."""

from __future__ import annotations

import data_designer.config as dd
import pandas as pd
from common import KEY, MAX_TOKENS, MODEL, Job, check, job_from_arguments
from data_designer.interface import DataDesigner


def main(job: Job) -> None:
    server = dd.ModelProvider(name="loopback", endpoint=job.url, provider_type="openai", api_key=KEY)
    model = dd.ModelConfig(
        alias="writer",
        model=MODEL,
        provider=server.name,
        inference_parameters=dd.ChatCompletionInferenceParams(
            max_tokens=MAX_TOKENS, max_parallel_requests=job.at_once
        ),
    )
    config = dd.DataDesignerConfigBuilder(model_configs=[model])
    config.with_seed_dataset(dd.DataFrameSeedSource(df=pd.DataFrame({"instruction": job.prompts})))
    config.add_column(
        dd.LLMTextColumnConfig(name="answer", prompt="{{ instruction }}", model_alias=model.alias)
    )
    designer = DataDesigner(artifact_path="artifacts", model_providers=[server])
    # No metrics endpoint: nobody reads it here.
    designer.set_run_config(dd.RunConfig(otel_metrics_port=None))
    created = designer.create(config, num_records=job.rows)
    check(job, created.load_dataset()["answer"])


if __name__ == "__main__":
    main(job_from_arguments())
