"""Rows that consumers reject, drop or silently accept: an export stops, and names the row and the rule."""

from __future__ import annotations

import pytest
from bad_rows import BAD_ROWS, FORMATS, row_of, said_of
from bad_rows_table import cell, ours, written

from synth.errors import ExportError
from synth.exports.example import examples_of
from synth.exports.formats import find_format
from synth.recipe.model import ExportOptions


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", BAD_ROWS)
def test_what_is_said_of_a_bad_row(name: str, form: str) -> None:
    row = row_of(name)
    [(example, _)] = examples_of(row, "answer", ExportOptions())
    words = said_of(name, form)
    if words == "written":
        assert find_format(form).write(example)
        return
    with pytest.raises(ExportError) as caught:
        find_format(form).write(example)
    assert caught.value.where == f"row {row.id}"
    assert words in caught.value.message


@pytest.mark.parametrize("form", FORMATS)
def test_the_documented_table_says_what_synth_says(form: str) -> None:
    assert {name: words for name, (_, words) in written(form).items()} == {
        name: cell(words) for name, (_, words) in ours(form).items()
    }


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert sum(len(written(form)) for form in FORMATS) >= 60


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_is_what_the_consumer_takes(form: str) -> None:
    taken = {name: consumer for name, (consumer, words) in written(form).items() if words == "writes"}
    assert set(taken.values()) <= {"accepts"}
