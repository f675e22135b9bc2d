"""The experiment with spoilt drafts: they enter unchanged, and each is accounted for."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks import spoilt_data
from benchmarks.spoiling import spoil
from benchmarks.spoilt_data import EXAMPLE, SPOILT, TRUSTED, drafts_of, report

ROWS = drafts_of(EXAMPLE / "seeds.jsonl")


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is left of the first seed's drafts where no judge is asked."""
    folder = tmp_path_factory.mktemp("cleaned")
    with pytest.MonkeyPatch.context() as patch:
        recipe = re.sub(r"  (judge:|- score:).*\n", "", spoilt_data.RECIPE)
        assert recipe.count("\n") == spoilt_data.RECIPE.count("\n") - 2
        patch.setattr(spoilt_data, "RECIPE", recipe)
        return spoilt_data.clean(ROWS[:TRUSTED], spoil(ROWS[TRUSTED:], SPOILT, 0), Path("judge"), folder)


def test_every_draft_has_a_fate_and_no_stage_drops_for_another(cleaned: dict[str, Any]) -> None:
    fates = Counter(cleaned["fates"])
    assert sum(fates.values()) == len(ROWS) - TRUSTED
    each = SPOILT // 5
    assert fates["format: dropped by check"] == fates["truncation: dropped by check"] == each
    assert fates["white space: kept, rewritten"] == each
    assert fates["wrong label: kept"] == each  # only a judge could tell
    # A copy may stand in front of what it was copied from: then that one goes, and none is lost by it.
    copies = fates["duplicate: dropped by dedupe"] + fates["none: dropped by dedupe"]
    assert each / 2 < copies <= each
    assert fates["none: kept"] == len(ROWS) - TRUSTED - SPOILT - fates["none: dropped by dedupe"]


def test_what_is_trained_on_is_the_trusted_rows_and_the_kept_drafts(cleaned: dict[str, Any]) -> None:
    exported = Path(cleaned["export"])
    train = [json.loads(line) for line in (exported / "train.jsonl").read_text("utf-8").splitlines()]
    kept = sum(count for fate, count in cleaned["fates"].items() if ": kept" in fate)
    assert len(train) == TRUSTED + kept
    assert {row["prompt"][0]["content"] for row in train} == {spoilt_data.SYSTEM}
    assert all(row["completion"][0]["content"].strip() == row["completion"][0]["content"] for row in train)
    assert len((exported / "test.jsonl").read_text("utf-8").splitlines()) == 120


def test_the_table_holds_shares_by_seed_and_differences_by_row() -> None:
    def result(arm: str, seed: int, right: str, rows: int) -> dict[str, Any]:
        return {"arm": arm, "seed": seed, "right": right, "rows": len(right), "trained": {"rows": rows}}

    said = report(
        [
            result("clean", 0, "1110", 300),
            result("clean", 1, "1111", 300),
            result("spoilt", 0, "1100", 300),
            {
                **result("cleaned", 0, "1110", 250),
                "fates": {"format: dropped by check": 12, "none: kept": 140},
                "scores": {"wrong label": [1.0, 3.0], "none": [2.0, 3.0]},
            },
        ]
    )
    assert "| clean | 300 | 0.750, 1.000 | 0.875 | - |" in said
    assert "| spoilt | 300 | 0.500 | 0.500 | -0.250 [" in said
    assert "| cleaned | 250 | 0.750 | 0.750 | 0.000 [0.000, 0.000] |" in said
    assert "| planted | dropped by check | kept |" in said
    assert "| format | 12 | 0 |" in said
    assert "wrong labels 1.00 to 3.00" in said
    assert "area under the curve 0.62" in said  # of four pairs two and a half are in order
