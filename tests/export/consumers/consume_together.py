"""Checks both files as Together's client does before it uploads them. `python consume_together.py EXPORT`"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from together.utils.files import check_file


def main() -> None:
    counts = {}
    for split in ("train", "test"):
        report = check_file(Path(sys.argv[1]) / f"{split}.jsonl")
        assert report["is_check_passed"], report
        counts[split] = report["num_samples"]
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
