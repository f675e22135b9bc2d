"""Rows in every common shape and file format become the same rows."""

from __future__ import annotations

import csv
import glob
import json
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from bad_sources import BAD, workbook, write

from synth.api import run_with_result
from synth.errors import InputError, MachineError, SourceError
from synth.pipeline.digest import source_digest
from synth.pipeline.inputs import read_inputs
from synth.recipe.files import FileSource, RunSource
from synth.recipe.load import load_recipe
from synth.row import Lineage, Row, content_id
from synth.sources import document_files, read_failures, read_rows, read_seeds
from synth.stages.generate.few_shot import ExamplePool
from synth.stages.source_items import Seed
from tests.made_row import made_row

ROOT = Path(__file__).resolve().parents[1]
USER, BOT, RULES = "How do I close my account?", "Open Settings and choose Close.", "Be brief."
PLAIN = [{"role": "user", "content": USER}, {"role": "assistant", "content": BOT}]
WITH_SYSTEM = [{"role": "system", "content": RULES}, *PLAIN]

SHAPES: dict[str, tuple[dict[str, Any], list[dict[str, str]]]] = {
    "instruction": ({"instruction": USER, "response": BOT}, PLAIN),
    "alpaca": ({"instruction": USER, "input": "", "output": BOT, "system": RULES}, WITH_SYSTEM),
    "messages": ({"messages": WITH_SYSTEM}, WITH_SYSTEM),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": USER}, {"from": "gpt", "value": BOT}], "system": RULES},
        WITH_SYSTEM,
    ),
    "sharegpt with roles": ({"conversations": PLAIN}, PLAIN),
    "prompt and completion": ({"prompt": USER, "completion": BOT}, PLAIN),
    "conversational": ({"prompt": WITH_SYSTEM[:2], "completion": WITH_SYSTEM[2:]}, WITH_SYSTEM),
    "preference": ({"prompt": USER, "chosen": BOT, "rejected": "No."}, PLAIN),
    "implicit preference": (
        {"chosen": PLAIN, "rejected": [PLAIN[0], {"role": "assistant", "content": "No."}]},
        PLAIN,
    ),
    "openai preference": (
        {
            "input": {"messages": WITH_SYSTEM[:2]},
            "preferred_output": WITH_SYSTEM[2:],
            "non_preferred_output": [{"role": "assistant", "content": "No."}],
        },
        WITH_SYSTEM,
    ),
}


def read(folder: Path, source: Any, *, answered: bool = True) -> list[Row]:
    return list(read_rows(source, folder, "seed" if answered else "prompt", answered=answered))


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv", "parquet"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_in_a_file(tmp_path: Path, shape: str, suffix: str) -> None:
    if shape == "openai preference" and suffix in ("csv", "tsv"):
        pytest.skip("nested objects have no place in a table of text")
    data, expected = SHAPES[shape]
    write(tmp_path / f"rows.{suffix}", [data])
    (row,) = read(tmp_path, f"rows.{suffix}")
    assert list(row.conversation.messages) == expected
    assert row.id == content_id("seed", expected, None)
    assert [c.content for c in row.candidates] == (["No."] if "reference" in shape else [])


@pytest.mark.parametrize("shape", ["instruction", "alpaca", "prompt and completion"])
def test_a_prompt_is_the_part_before_the_answer(tmp_path: Path, shape: str) -> None:
    data, expected = SHAPES[shape]
    write(tmp_path / "rows.jsonl", [data])
    (row,) = read(tmp_path, "rows.jsonl", answered=False)
    assert list(row.conversation.messages) == expected[:-1]


def test_columns_by_other_names(tmp_path: Path) -> None:
    write(tmp_path / "sql.csv", [{"question": "How many?", "query": "SELECT 1", "db_name": "x"}])
    fields = {"instruction": "question", "response": "query"}
    (row,) = read(tmp_path, FileSource(path="sql.csv", fields=fields))
    assert [m["content"] for m in row.conversation.messages] == ["How many?", "SELECT 1"]
    with pytest.raises(SourceError, match=r"sql\.csv:2: has no column 'ask'"):
        read(tmp_path, FileSource(path="sql.csv", fields={"instruction": "ask"}))


def test_a_dataset_in_a_folder(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    one = Dataset.from_list([SHAPES["sharegpt"][0]])
    one.save_to_disk(str(tmp_path / "one"))
    DatasetDict({"train": one, "dev": one}).save_to_disk(str(tmp_path / "both"))
    write(tmp_path / "one.jsonl", [SHAPES["instruction"][0]])
    (tmp_path / "files").mkdir()
    write(tmp_path / "files" / "data.jsonl", [SHAPES["instruction"][0]] * 2)
    assert list(read(tmp_path, "hf:one")[0].conversation.messages) == WITH_SYSTEM
    assert list(read(tmp_path, "hf:both@train")[0].conversation.messages) == WITH_SYSTEM
    assert len(read(tmp_path, "hf:files")) == 2
    with pytest.raises(SourceError, match="could not be loaded"):
        read(tmp_path, "hf:both@nowhere")


def test_several_sources_and_weights(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [{"instruction": f"a {i}", "response": "x"} for i in range(10)])
    write(tmp_path / "b.jsonl", [{"instruction": f"b {i}", "response": "x"} for i in range(10)])
    source = ["a.jsonl", FileSource(path="b.jsonl", weight=3)]
    seeds = list(read_seeds(source, tmp_path, "seed", answered=True))
    assert [seed.weight for seed in seeds] == [1.0] * 10 + [3.0] * 10
    pool = ExamplePool()
    for seed in seeds:
        pool.add(seed, 0)
    firsts = Counter(pool.draw("s", i, 1)[0].conversation.prompt_text[0] for i in range(2000))
    assert 0.70 < firsts["b"] / 2000 < 0.80


def test_equal_weights_draw_as_no_weights_do() -> None:
    plain, weighted = ExamplePool(), ExamplePool()
    for i in range(30):
        plain.add(Seed(made_row(content_id(i), [], Lineage("seed"))), 0)
        weighted.add(Seed(made_row(content_id(i), [], Lineage("seed")), 2.0), 0)
    for draw in range(50):
        ids = [[row.id for row in pool.draw("s", draw, 8)] for pool in (plain, weighted)]
        assert ids[0] == ids[1]


def test_a_run_is_a_source(desk: Path, tmp_path: Path) -> None:
    import synth

    run = synth.run(desk, tmp_path / "runs" / "v1")
    kept = [row for row in run if row["lineage"]["origin"] != "holdout"]
    rows = read(tmp_path, RunSource(run="runs/v1"))
    assert [list(row.conversation.messages) for row in rows] == [row["messages"] for row in kept]
    assert read(tmp_path, RunSource(run="runs/v1", only="reviewed")) == []


def test_documents_are_files(tmp_path: Path) -> None:
    for source in (RunSource(run="runs/v1"), FileSource(path="hf:a/b")):
        with pytest.raises(SourceError, match="documents are files"):
            document_files(source, tmp_path)


def test_a_changed_dataset_beside_the_recipe_is_noticed(desk: Path) -> None:
    (desk.parent / "tasks").mkdir()
    write(desk.parent / "tasks" / "data.jsonl", [SHAPES["instruction"][0]] * 2)
    recipe = load_recipe(desk, ["sources.seeds=hf:tasks"])
    before = source_digest(recipe)
    assert set(before) == {"hf:tasks"}
    write(desk.parent / "tasks" / "data.jsonl", [SHAPES["instruction"][0]])
    assert source_digest(recipe) != before


def test_failures_as_fields_and_as_transcripts(tmp_path: Path) -> None:
    bad = {"role": "assistant", "content": "Yes, sure."}
    rows = [
        {"instruction": USER, "response": "Yes, sure.", "problem": "invented", "expected": BOT},
        {"messages": [PLAIN[0], bad], "model": "today"},
    ]
    write(tmp_path / "f.jsonl", rows)
    first, second = read_failures("f.jsonl", tmp_path)
    assert (first.messages, first.response) == (second.messages, second.response)
    assert (first.problem, first.expected, second.model) == ("invented", BOT, "today")
    assert first.as_row().id == content_id("seed", PLAIN, None)


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_named_with_its_place(tmp_path: Path, case: str) -> None:
    name, make, words = BAD[case]
    make(tmp_path / name)
    with pytest.raises((SourceError, MachineError)) as error:
        read(tmp_path, name)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert str(tmp_path / name) in str(error.value.where)


TABLE = [
    ["instruction", "input", "response"],
    ["Größe, bitte?", "", "Die Größe ist 5; ok|so"],
    ["b", "c", "d"],
]
TABLE_MESSAGES = [["Größe, bitte?", "Die Größe ist 5; ok|so"], ["b\n\nc", "d"]]


def texts(rows: list[Row]) -> list[list[str]]:
    return [[message["content"] for message in row.conversation.messages] for row in rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_table_is_read_with_any_usual_separator_and_encoding(
    tmp_path: Path, separator: str, encoding: str
) -> None:
    with (tmp_path / "a.csv").open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator).writerows(TABLE)
    source = FileSource(path="a.csv", encoding=encoding if encoding == "windows-1252" else None)
    assert texts(read(tmp_path, source)) == TABLE_MESSAGES


def test_columns_of_other_names_tell_the_separator_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("frage;antwort, lang, mit, Kommas\na;b\n")
    fields = {"instruction": "frage", "response": "antwort, lang, mit, Kommas"}
    assert texts(read(tmp_path, FileSource(path="a.csv", fields=fields))) == [["a", "b"]]
    (tmp_path / "b.csv").write_text("instruction~response\na~b\n")
    assert texts(read(tmp_path, FileSource(path="b.csv", separator="~"))) == [["a", "b"]]


def test_json_lines_are_read_in_the_encoding_that_the_recipe_names(tmp_path: Path) -> None:
    row = json.dumps({"instruction": "Größe?", "response": "5 €"}, ensure_ascii=False) + "\n"
    (tmp_path / "a.jsonl").write_bytes(row.encode("windows-1252"))
    with pytest.raises(SourceError, match=r"a\.jsonl:1: is not UTF-8.*encoding: windows-1252"):
        read(tmp_path, "a.jsonl")
    assert texts(read(tmp_path, FileSource(path="a.jsonl", encoding="windows-1252"))) == [["Größe?", "5 €"]]
    with pytest.raises(SourceError, match="is not ascii, although the recipe says so"):
        read(tmp_path, FileSource(path="a.jsonl", encoding="ascii"))


def test_a_table_in_windows_1252_names_the_line_and_the_key(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("instruction,response\na,b\nGröße,c\n".encode("windows-1252"))
    with pytest.raises(
        SourceError, match=r"a\.csv:3: is not UTF-8.*iconv -f WINDOWS-1252.*encoding: windows-1252"
    ):
        read(tmp_path, "a.csv")


def test_a_workbook_is_a_table_of_texts(tmp_path: Path) -> None:
    rows = [
        *TABLE,
        [],
        ["How many?", None, 3.0],
        ["When?", None, datetime(2026, 1, 2, 3, 4)],
        ["Is it?", None, 0.5],
    ]
    workbook(*rows)(tmp_path / "a.xlsx")
    said = [["How many?", "3"], ["When?", "2026-01-02T03:04:00"], ["Is it?", "0.5"]]
    assert texts(read(tmp_path, "a.xlsx")) == [*TABLE_MESSAGES, *said]
    workbook(["instruction", "response"], ["a", "b"], ["c"])(tmp_path / "b.xlsx")
    with pytest.raises(SourceError, match=r"b\.xlsx: row 3: has no `response`"):
        read(tmp_path, "b.xlsx")


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synth.tables._LARGEST_UNPACKED", 2**20)
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", bytes(6 * 2**20))
    with pytest.raises(SourceError, match="unpacks to 6 MiB; the maximum is 1"):
        read(tmp_path, "a.xlsx")


def test_fields_the_wrong_way_round(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [{"question": "a", "answer": "b"}])
    with pytest.raises(SourceError) as error:
        read(tmp_path, FileSource(path="a.csv", fields={"question": "instruction", "answer": "response"}))
    assert "has no column 'instruction'" in str(error.value)
    assert "It has `question`, `answer`." in str(error.value)
    assert "{instruction: question, response: answer}" in str(error.value)


@pytest.mark.parametrize("folder", ["a[b]", "a[", "q?*", "[!x]"])
def test_brackets_in_the_path_of_a_recipe_are_no_pattern(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    write(tmp_path / folder / "a.jsonl", [SHAPES["instruction"][0]])
    write(tmp_path / folder / "b[1].jsonl", [SHAPES["instruction"][0]])
    assert len(read(tmp_path / folder, "a.jsonl")) == 1
    assert len(read(tmp_path / folder, "*.jsonl")) == 2
    assert len(read(tmp_path / folder, "b[1].jsonl")) == 1
    assert len(read(tmp_path, str(tmp_path / glob.escape(folder) / "*.jsonl"))) == 2


def test_unknown_keys_of_any_depth_are_left_alone(tmp_path: Path) -> None:
    deep = '{"instruction": "a", "response": "b", "x": ' + "[" * 900 + "]" * 900 + "}\n"
    (tmp_path / "a.jsonl").write_text(deep)
    assert texts(read(tmp_path, "a.jsonl")) == [["a", "b"]]
    assert [failure.response for failure in read_failures("a.jsonl", tmp_path)] == ["b"]


SKIPPED = {
    "a.jsonl": '{"instruction": "a", "response": "b"}\n{"instruction": \n\n[1]\n{"instruction": "c"}\n'
    '{"messages": [{"role": "user", "content": "x"}]}\n{"instruction": "e", "response": "f"}\n',
    "a.json": '[{"instruction": "a", "response": "b"}, 3, {"instruction": "e", "response": "f"}]',
    "a.csv": 'instruction,response\na,b\nc\nd,e,f\n"x"y,z\ne,f\n',
}


@pytest.mark.parametrize(
    ("name", "lines"),
    [("a.jsonl", [":2", ":4", ":5", ":6"]), ("a.json", [": item 2"]), ("a.csv", [":3", ":4", ":5"])],
)
def test_bad_rows_are_skipped_where_the_source_says_so(tmp_path: Path, name: str, lines: list[str]) -> None:
    (tmp_path / name).write_text(SKIPPED[name])
    errors: list[SourceError] = []
    rows = read_rows(FileSource(path=name, bad="skip"), tmp_path, "seed", answered=True, skip=errors.append)
    assert texts(list(rows)) == [["a", "b"], ["e", "f"]]
    assert [error.where for error in errors] == [f"{tmp_path / name}{line}" for line in lines]
    with pytest.raises(SourceError):
        list(read_rows(FileSource(path=name), tmp_path, "seed", answered=True, skip=errors.append))


def test_an_open_quote_that_takes_all_rows_behind_it_is_never_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('instruction,response\na,b\nc,"d\ne,f\ng,h\n')
    source = FileSource(path="a.csv", bad="skip")
    with pytest.raises(SourceError, match=r"a\.csv:3: is not valid CSV"):
        list(read_rows(source, tmp_path, "seed", answered=True, skip=lambda error: None))


def test_a_line_of_20_megabytes_is_skipped_as_one(tmp_path: Path) -> None:
    good = '{"instruction": "a", "response": "b"}\n'
    (tmp_path / "a.jsonl").write_text(good + "x" * 40_000_000 + "\n" + good.replace("a", "c"))
    errors: list[SourceError] = []
    source = FileSource(path="a.jsonl", bad="skip")
    assert len(list(read_rows(source, tmp_path, "seed", answered=True, skip=errors.append))) == 2
    assert [error.where for error in errors] == [f"{tmp_path / 'a.jsonl'}:2"]


def test_a_run_counts_and_lists_what_it_skipped(desk: Path) -> None:
    folder = desk.parent
    with (folder / "seeds.jsonl").open("a") as seeds:
        seeds.write('{"messages": [{"role": "user", "content": "no answer"}]}\n')
    (folder / "docs").mkdir()
    (folder / "docs" / "a.md").write_text("A page about refunds and deposits. " * 40)
    (folder / "docs" / "short.md").write_text("A short page.")
    settings = [
        "sources.seeds={path: seeds.jsonl, bad: skip}",
        "sources.documents={path: docs/*.md, bad: skip}",
        "stages=[{backtranslate: {count: 1}}]",
    ]
    with pytest.raises(SourceError, match=r"seeds\.jsonl:61"):
        run_with_result(desk)
    result = run_with_result(desk, settings=settings)
    assert result.summary["skipped"] == {"documents": 1, "seeds": 1}
    file = folder / "runs" / "desk" / "skipped.jsonl"
    listed = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["source"], Path(line["where"]).name) for line in listed] == [
        ("seeds", "seeds.jsonl:61"),
        ("documents", "short.md"),
    ]
    assert "without a response" in listed[0]["reason"]
    again = run_with_result(desk, settings=settings)
    assert again.summary["skipped"] == {"documents": 1, "seeds": 1}, "a finished run says it, too"
    lines = (folder / "seeds.jsonl").read_text().splitlines(keepends=True)
    (folder / "seeds.jsonl").write_text("".join(lines[:60]))
    (folder / "docs" / "short.md").unlink()
    assert run_with_result(desk, settings=settings).summary["skipped"] == {}
    assert not file.exists()


def test_a_source_of_bad_rows_alone_holds_none(desk: Path) -> None:
    (desk.parent / "seeds.jsonl").write_text("[1]\n[2]\n")
    recipe = load_recipe(desk, ["sources.seeds={path: seeds.jsonl, bad: skip}"])
    with pytest.raises(SourceError, match=r"has no rows. 2 bad rows were skipped, .*jsonl:1"):
        read_inputs(recipe, lambda text: None)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{path: a.csv, separator: ';;'}", "separator"),
        ("{path: a.csv, encoding: utf-88}", "encoding"),
        ("{path: a.csv, encoding: base64}", "encoding"),
        ("{path: a.csv, bad: ignore}", "bad"),
    ],
)
def test_how_a_file_is_written_is_checked_in_the_recipe(desk: Path, text: str, place: str) -> None:
    with pytest.raises(InputError, match=place):
        load_recipe(desk, [f"sources.seeds={text}"])


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.jsonl", '{"conversations": [{"from": "narrator", "value": "x"}]}', "a.jsonl:1: conversations.0"),
        ("a.csv", "instruction,response\na,b,c\n", "a.csv:2"),
        ("a.csv", 'instruction,response\n"a\na",b\nc\n', "a.csv:4"),
        ("a.csv", 'instruction,response\na,"b\nc,d\n', "a.csv:2"),
    ],
)
def test_the_place_is_the_line(tmp_path: Path, name: str, content: str, place: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceError) as error:
        read(tmp_path, name)
    assert error.value.where == str(tmp_path / place)


def test_the_table_of_what_cannot_be_used_is_whole() -> None:
    lines = (ROOT / "docs" / "sources.md").read_text().partition("## Rows that cannot be used")[2]
    table = [line.strip("|") for line in lines.partition("\n## ")[0].splitlines() if line[:1] == "|"]
    cells = [line.split("|") for line in table]
    assert {what.strip(): says.strip() for what, says in cells[2:]} == {
        case: words for case, (_, _, words) in BAD.items()
    }


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.json", "a.jsonl"])
def test_a_file_without_rows_is_none(desk: Path, name: str) -> None:
    content = {"a.csv": "instruction,response\n", "a.json": "[]", "a.jsonl": "\n\n"}
    if name in content:
        (desk.parent / name).write_text(content[name])
    else:
        import pyarrow
        from pyarrow import parquet

        columns = pyarrow.schema([("instruction", pyarrow.string()), ("response", pyarrow.string())])
        parquet.write_table(columns.empty_table(), desk.parent / name)
    with pytest.raises(SourceError, match="has no rows"):
        read_inputs(load_recipe(desk, [f"sources.seeds={name}"]), lambda text: None)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_byte_order_mark_is_no_part_of_a_row(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, [SHAPES["instruction"][0]])
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + (tmp_path / name).read_bytes())
    assert list(read(tmp_path, name)[0].conversation.messages) == PLAIN


def test_a_broken_dataset_is_named(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "data.jsonl").write_text('{"instruction": "x", "response": "y"}\n{"instruc')
    with pytest.raises(SourceError, match="hf:files: could not be loaded"):
        read(tmp_path, "hf:files")


LIMITED = """
import resource, sys
from pathlib import Path
from synth.errors import SourceError
from synth.sources import read_rows
import pyarrow.parquet
started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(sum(1 for _ in read_rows(sys.argv[2], Path(sys.argv[1]), "prompt", answered=None)))
except SourceError as error:
    print("refused", error.message)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - started) // 1024)
"""


@pytest.mark.parametrize(
    ("case", "most"),
    [("200 MB on one line", 64), ("200 MB of JSON", 8), ("200 MB of CSV on one line", 128)],
)
def test_memory_stays_bounded(tmp_path: Path, case: str, most: int) -> None:
    name, make, words = BAD[case]
    make(tmp_path / name)
    command = [sys.executable, "-c", LIMITED, str(tmp_path), name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *said, mebibytes = done.stdout.splitlines()
    assert words in " ".join(said)
    assert int(mebibytes) < most


def test_parquet_that_unpacks_to_too_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synth.row_files.LARGEST_GROUP", 2**20)
    write(tmp_path / "a.parquet", [{"instruction": "a" * 2**21, "response": "b"}])
    assert (tmp_path / "a.parquet").stat().st_size < 2**18, "it is packed"
    with pytest.raises(SourceError, match="a row group unpacks to 2 MiB; the maximum is 1"):
        read(tmp_path, "a.parquet")


def test_many_prompts_are_read_one_after_another(tmp_path: Path) -> None:
    """120 MB of prompts, of which none is kept."""
    line = json.dumps({"instruction": "How long may a text be? " * 200}) + "\n"
    (tmp_path / "a.jsonl").write_text(line * 25_000)
    command = [sys.executable, "-c", LIMITED, str(tmp_path), "a.jsonl"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    count, mebibytes = done.stdout.split()
    assert (int(count), int(mebibytes) < 16) == (25_000, True)


def test_a_weight_where_nothing_is_drawn_is_refused(desk: Path) -> None:
    setting = "sources.prompts={path: p.jsonl, weight: 2}"
    with pytest.raises(InputError, match="weight"):
        load_recipe(desk, [setting])
