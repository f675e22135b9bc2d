"""What a consumer does with each of a list of records, one at a time.

    python judge.py CONSUMER MODEL < RECORDS.jsonl        (CONSUMER: trl, mistral, together or llama-factory)

Reads lines of {"name", "record"}; prints lines of {"name", "verdict"}, where a verdict is `rejects: ...`,
`drops`, `loses a text` (the row is taken and a text of it is not in what is trained on) or `accepts`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Judge = Callable[[dict[str, Any]], str]


def trl_judge(model: str) -> Judge:
    """The trainer's own preparation of a row, with qwen3's template."""
    import trl
    from datasets import Dataset
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    template = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
    tokenizer.chat_template = template.read_text()

    def judge(record: dict[str, Any]) -> str:
        config = trl.SFTConfig(tempfile.mkdtemp(), report_to=[], use_cpu=True, bf16=False, max_length=None)
        data = Dataset.from_list([record], on_mixed_types="use_json")
        trainer = trl.SFTTrainer(model, args=config, train_dataset=data, processing_class=tokenizer)
        if not len(trainer.train_dataset):
            return "drops"
        shown = tokenizer.decode(trainer.train_dataset[0]["input_ids"])
        texts = [message.get("content") for message in record["prompt"] + record["completion"]]
        lost = [text for text in texts if not isinstance(text, str) or text.strip() not in shown]
        return "loses a text" if lost else "accepts"

    return judge


def mistral_judge(_: str) -> Judge:
    """The validator for fine-tuning."""
    from mistral_common.protocol.instruct.request import ChatCompletionRequest
    from mistral_common.protocol.instruct.validator import MistralRequestValidatorV3, ValidationMode

    validator = MistralRequestValidatorV3(ValidationMode.finetuning)

    def judge(record: dict[str, Any]) -> str:
        validator.validate_request(ChatCompletionRequest.from_openai(**record))
        return "accepts"

    return judge


def together_judge(_: str) -> Judge:
    """The check of a file before it is uploaded."""
    from together.utils.files import check_file

    def judge(record: dict[str, Any]) -> str:
        file = Path(tempfile.mkdtemp()) / "row.jsonl"
        file.write_text(json.dumps(record) + "\n")
        report = check_file(file)
        return "accepts" if report["is_check_passed"] else f"rejects: {report['message']}"

    return judge


def llama_factory_judge(_: str) -> Judge:
    """The converter, and what the processors do with what it gives."""
    from llamafactory.data.converter import SharegptDatasetConverter
    from llamafactory.data.parser import DatasetAttr
    from llamafactory.hparams import DataArguments

    columns = DatasetAttr("file", "row", formatting="sharegpt")
    columns.join({"formatting": "sharegpt", "columns": {"messages": "conversations", "tools": "tools"}})
    converter = SharegptDatasetConverter(columns, DataArguments())

    def judge(record: dict[str, Any]) -> str:
        row = converter(record)
        return "accepts" if len(row["_prompt"]) % 2 == 1 and len(row["_response"]) == 1 else "drops"

    return judge


JUDGES = {
    "trl": trl_judge,
    "mistral": mistral_judge,
    "together": together_judge,
    "llama-factory": llama_factory_judge,
}


def main() -> None:
    judge = JUDGES[sys.argv[1]](sys.argv[2])
    for line in sys.stdin:
        row = json.loads(line)
        try:
            verdict = judge(row["record"])
        except Exception as error:  # noqa: BLE001 - whatever a consumer raises is its verdict
            verdict = f"rejects: {type(error).__name__}: {' '.join(str(error).split())[:80]}"
        print(json.dumps({"name": row["name"], "verdict": verdict}), flush=True)


if __name__ == "__main__":
    main()
