"""Rewordings in eight languages, checked as the stage checks them: true ones, and ones with a planted defect.

The pairs were written before the checks of their language.
"""

from __future__ import annotations

import pytest

from benchmarks.planted import languages

_FIGURES = dict(languages())


@pytest.mark.parametrize("language", ["ar", "de", "es", "fr", "hi", "ja", "ko", "zh"])
def test_planted_pairs(language: str) -> None:
    """Issue 19, point 4. Names in scripts without capitals are mostly left to the judge."""
    found = _FIGURES[language]
    print(language, ", ".join(f"{kind} {dropped} of {total}" for kind, (dropped, total) in found.items()))
    shares = {kind: dropped / total for kind, (dropped, total) in found.items()}
    assert sum(total for _, total in found.values()) >= 40
    assert min(total for _, total in found.values()) >= 10
    assert shares["same"] <= 0.1
    assert shares["number"] >= 0.8
    assert shares["negation"] >= 0.8
