"""The check compares an export with its receipts, and finds each kind of damage."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest
from export_runs import chat, drafts, held_out, make_run, read_lines, seed

from synth.errors import ExportError
from synth.exports import export_run
from synth.exports.check import ExpectedExport, check_export
from synth.exports.files import Written, digest_of
from synth.exports.formats import find_format
from synth.recipe.model import ExportOptions


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    rows = [held_out(chat("Hello?", "Hello!")), seed(chat("How?", "So.", "Be brief.")), *drafts(4)]
    return export_run(make_run(tmp_path / "run", rows)).folder


def check(folder: Path, system: str | None = None) -> list[str]:
    """Checks the folder as it lies there, whatever its digests were."""
    names = ("train.jsonl", "test.jsonl", "receipts.jsonl")
    files = [Written(name, 0, digest_of(folder / name)) for name in names]
    return check_export(folder, ExpectedExport(files, find_format("trl-sft"), ExportOptions(system=system)))


def change(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new, 1))


def test_an_export_passes_and_says_what_was_checked(exported: Path) -> None:
    assert any("Rows in = rows out: 6" in words for words in check(exported))


def test_bytes_that_are_not_those_written(exported: Path) -> None:
    written = Written("train.jsonl", 5, digest_of(exported / "train.jsonl"))
    change(exported / "train.jsonl", b"So.", b"No.")
    with pytest.raises(ExportError, match="does not hold what was written"):
        check_export(exported, ExpectedExport([written], find_format("trl-sft"), None))


def test_a_text_that_changed(exported: Path) -> None:
    change(exported / "train.jsonl", b"So.", b"So")
    with pytest.raises(ExportError, match=r"a text is not in train\.jsonl as it should be: 'So\.'"):
        check(exported)


def test_a_text_that_is_gone_though_another_holds_it(tmp_path: Path) -> None:
    rows = [
        held_out(chat("Hello?", "Hello!")),
        seed(chat("Is it Yes. or No.?", "Yes.")),
        seed(chat("1?", "1?")),
    ]
    folder = export_run(make_run(tmp_path / "run", rows)).folder
    kept = (folder / "train.jsonl").read_bytes()
    change(folder / "train.jsonl", b'"Yes."', b'"No."')
    with pytest.raises(ExportError, match=r"as it should be: 'Yes\.'"):
        check(folder)
    (folder / "train.jsonl").write_bytes(kept)
    change(folder / "train.jsonl", b'"1?"', b'"2?"')
    with pytest.raises(ExportError, match=r"as it should be: '1\?'"):
        check(folder)


def test_a_system_prompt_that_is_missing(exported: Path) -> None:
    with pytest.raises(ExportError, match="'Not there'"):
        check(exported, system="Not there")


def test_a_row_too_few_and_one_too_many(exported: Path) -> None:
    lines = (exported / "train.jsonl").read_bytes().splitlines(keepends=True)
    (exported / "train.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(ExportError, match="has a receipt, but no row"):
        check(exported)
    (exported / "train.jsonl").write_bytes(b"".join([*lines, lines[0]]))
    with pytest.raises(ExportError, match="contains a row without a receipt"):
        check(exported)


@pytest.mark.parametrize(
    ("bad", "words"), [(b"\xff", "is not valid JSON"), (b"\\ud800", "is not valid JSON")]
)
def test_what_is_no_utf8_text(exported: Path, bad: bytes, words: str) -> None:
    change(exported / "train.jsonl", b"So.", bad)
    with pytest.raises(ExportError, match=re.escape(words)):
        check(exported)


@pytest.mark.parametrize("shared", ["id", "cluster", "parents", "messages"])
def test_what_stands_on_both_sides(exported: Path, shared: str) -> None:
    receipts = read_lines(exported / "receipts.jsonl")
    test, train = receipts[0], receipts[1]
    if shared == "parents":
        train["lineage"]["parents"] = [test["id"]]
    elif shared == "cluster":
        train["cluster"] = test["id"]
    elif shared == "id":
        train["id"] = test["id"]
    else:
        train["messages"] = [{"role": "user", "content": "HELLO"}, train["messages"][-1]]
        change(exported / "train.jsonl", b"How?", b"HELLO")
    (exported / "receipts.jsonl").write_bytes(b"".join(orjson.dumps(r) + b"\n" for r in receipts))
    with pytest.raises(ExportError, match="is too similar to a row of test"):
        check(exported)
