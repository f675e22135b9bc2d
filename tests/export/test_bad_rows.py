"""Rows that consumers reject, drop or take in silence: an export stops, and names the row and the rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_rows import BAD_ROWS, FORMATS, row_of, said_of
from export_runs import make_run

from synth.errors import ExportError
from synth.exports import export_run


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", BAD_ROWS)
def test_what_is_said_of_a_bad_row(tmp_path: Path, name: str, form: str) -> None:
    row = row_of(name)
    run = make_run(tmp_path / "run", [row], export={"split": {"train": 1, "test": 0}})
    words = said_of(name, form)
    if words == "written":
        assert export_run(run, format=form).files == {"train": 1, "test": 0}
        return
    with pytest.raises(ExportError) as caught:
        export_run(run, format=form)
    assert caught.value.where == f"row {row.id}"
    assert words in caught.value.message
