"""Runs `axolotl preprocess` in this folder and counts what it prepared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from datasets import load_from_disk


def main() -> None:
    program = Path(sys.executable).with_name("axolotl")
    subprocess.run([program, "preprocess", "axolotl.yaml"], check=True, stdout=sys.stderr)
    rows = sorted(
        len(load_from_disk(str(folder))) for folder in Path("prepared").iterdir() if folder.is_dir()
    )
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
