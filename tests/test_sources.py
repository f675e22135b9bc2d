"""Examples in every shape that people keep them in, from every kind of file, become the same rows."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from synth.errors import InputError, SourceError
from synth.pipeline.digest import source_digest
from synth.recipe.load import load_recipe
from synth.recipe.model import FileSource, RunSource
from synth.row import Lineage, Row, content_id
from synth.sources import document_files, read_failures, read_rows
from synth.stages.draws import Pool

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


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    if file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif file.suffix == ".json":
        file.write_text(json.dumps(rows))
    elif file.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    else:
        with file.open("w", newline="") as table:
            writer = csv.writer(table, delimiter="\t" if file.suffix == ".tsv" else ",")
            writer.writerow(list(rows[0]))
            for row in rows:
                writer.writerow([v if isinstance(v, str) else json.dumps(v) for v in row.values()])
    return file


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
    assert row.messages == expected
    assert row.id == content_id("seed", expected, None)
    assert [c["content"] for c in row.candidates] == (["No."] if "reference" in shape else [])


@pytest.mark.parametrize("shape", ["instruction", "alpaca", "prompt and completion"])
def test_a_prompt_is_the_part_before_the_answer(tmp_path: Path, shape: str) -> None:
    data, expected = SHAPES[shape]
    write(tmp_path / "rows.jsonl", [data])
    (row,) = read(tmp_path, "rows.jsonl", answered=False)
    assert row.messages == expected[:-1]


def test_columns_by_other_names(tmp_path: Path) -> None:
    write(tmp_path / "sql.csv", [{"question": "How many?", "query": "SELECT 1", "db_name": "x"}])
    fields = {"instruction": "question", "response": "query"}
    (row,) = read(tmp_path, FileSource(path="sql.csv", fields=fields))
    assert [m["content"] for m in row.messages] == ["How many?", "SELECT 1"]
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
    assert read(tmp_path, "hf:one")[0].messages == WITH_SYSTEM
    assert read(tmp_path, "hf:both@train")[0].messages == WITH_SYSTEM
    assert len(read(tmp_path, "hf:files")) == 2
    with pytest.raises(SourceError, match="could not be loaded"):
        read(tmp_path, "hf:both@nowhere")


def test_several_sources_and_weights(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [{"instruction": f"a {i}", "response": "x"} for i in range(10)])
    write(tmp_path / "b.jsonl", [{"instruction": f"b {i}", "response": "x"} for i in range(10)])
    rows = read(tmp_path, ["a.jsonl", FileSource(path="b.jsonl", weight=3)])
    assert [row.weight for row in rows] == [1.0] * 10 + [3.0] * 10
    pool = Pool()
    for row in rows:
        pool.add(row, 0)
    firsts = Counter(pool.draw("s", i, 1)[0].prompt_text[0] for i in range(2000))
    assert 0.70 < firsts["b"] / 2000 < 0.80


def test_equal_weights_draw_as_no_weights_do() -> None:
    plain, weighted = Pool(), Pool()
    for i in range(30):
        plain.add(Row(content_id(i), [], Lineage("seed")), 0)
        weighted.add(Row(content_id(i), [], Lineage("seed"), weight=2.0), 0)
    for draw in range(50):
        ids = [[row.id for row in pool.draw("s", draw, 8)] for pool in (plain, weighted)]
        assert ids[0] == ids[1]


def test_a_run_is_a_source(desk: Path, tmp_path: Path) -> None:
    import synth

    run = synth.run(desk, tmp_path / "runs" / "v1")
    kept = [row for row in run if row["lineage"]["origin"] != "holdout"]
    rows = read(tmp_path, RunSource(run="runs/v1"))
    assert [row.messages for row in rows] == [row["messages"] for row in kept]
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


BAD: dict[str, tuple[str, str | bytes, str]] = {
    "unknown speaker": (
        "a.jsonl",
        '{"conversations": [{"from": "narrator", "value": "x"}]}',
        r"a\.jsonl:1: conversations\.0: has no `from`",
    ),
    "no completion": ("a.jsonl", '{"prompt": "x"}', "has no `completion`"),
    "chosen alone": ("a.jsonl", '{"prompt": "x", "chosen": "y"}', "has no `rejected`"),
    "empty rejected": ("a.jsonl", '{"prompt": "x", "chosen": "y", "rejected": " "}', "`rejected` is empty"),
    "input without messages": ("a.jsonl", '{"preferred_output": [], "input": "x"}', "holds no `messages`"),
    "a ragged table": ("a.csv", "instruction,response\na,b,c\n", r"a\.csv:2: has more values"),
    "a table without a header": ("a.csv", "hello,there\na,b\n", "`hello`, `there`"),
    "broken JSON in a table": ("a.csv", 'messages\n"[{"\n', "`messages` is not valid JSON"),
    "not parquet": ("a.parquet", b"PAR1 no", "not valid Parquet"),
    "latin-1": ("a.csv", "instruction,response\nGr\xfc\xdfe,b\n".encode("latin-1"), "is not UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_named_with_its_place(tmp_path: Path, case: str) -> None:
    name, content, words = BAD[case]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SourceError, match=words):
        read(tmp_path, name)


def test_a_weight_where_nothing_is_drawn_is_refused(desk: Path) -> None:
    setting = "sources.prompts={path: p.jsonl, weight: 2}"
    with pytest.raises(InputError, match="weight"):
        load_recipe(desk, [setting])
