"""Validates each row as Mistral does before it fine-tunes. `python consume_mistral.py EXPORT`"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.protocol.instruct.validator import MistralRequestValidatorV3, ValidationMode


def main() -> None:
    validator = MistralRequestValidatorV3(ValidationMode.finetuning)
    counts = {}
    for split in ("train", "test"):
        lines = (Path(sys.argv[1]) / f"{split}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        for line in lines:
            validator.validate_request(ChatCompletionRequest.from_openai(**json.loads(line)))
        counts[split] = len(lines)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
