"""Loads an export by its card, as `load_dataset(FOLDER)` does, and says which features it found."""

from __future__ import annotations

import json
import sys
from typing import Any

from datasets import load_dataset


def plain(feature: Any) -> Any:
    if isinstance(feature, dict):
        return {key: plain(value) for key, value in feature.items()}
    inner = getattr(feature, "feature", None)
    return [plain(inner)] if inner is not None else getattr(feature, "dtype", str(feature))


def main() -> None:
    data = load_dataset(sys.argv[1])
    print(json.dumps({split: plain(dict(rows.features)) for split, rows in data.items()}))


if __name__ == "__main__":
    main()
