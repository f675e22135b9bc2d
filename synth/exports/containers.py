"""Writes checked JSON Lines as Parquet files or as a folder of the `datasets` library, and reads them back.

Conversations without calls have plain features (`role` and `content` are strings). Arguments of calls and
schemas of tools have no common structure, so their columns have the type `Json`: a key that a row lacks would
otherwise be read back as null.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from synth.errors import ExportError
from synth.exports.check import file_of, read_lines
from synth.exports.files import Written, digest_of
from synth.exports.formats.base import Container
from synth.exports.splits import Split
from synth.llm.base import Json

if TYPE_CHECKING:
    from datasets import Dataset


def data_path(split: Split, container: Container) -> str:
    """Where a split is in an export, as a card names it."""
    return {"jsonl": file_of(split), "parquet": f"{split}.parquet", "arrow": f"{split}/*.arrow"}[container]


def pack(
    folder: Path, container: Container, splits: Sequence[Split], files: Sequence[Written]
) -> list[Written]:
    """Converts the splits in `folder` to `container` and returns all files that are in the folder afterwards.

    Raises `ExportError` if the rows read back differ from the rows written.
    """
    if container == "jsonl":
        return list(files)
    scratch = folder / "scratch"
    scratch.mkdir()
    packed = []
    with _no_bars():
        for split in splits:
            file = folder / file_of(split)
            dataset = _dataset(file, scratch)
            _check_same(dataset, file)
            _save(dataset, folder, split, container)
            packed += [_written(each, folder, len(dataset)) for each in _files_of(folder, split, container)]
    if container == "arrow":
        index = folder / "dataset_dict.json"
        index.write_bytes(orjson.dumps({"splits": list(splits)}))
        packed.append(_written(index, folder, None))
    shutil.rmtree(scratch)
    lines = [written for written in files if (folder / written.name).stem in ("train", "test")]
    for written in lines:
        (folder / written.name).unlink()
    return [*packed, *(written for written in files if written not in lines)]


@contextmanager
def _no_bars() -> Iterator[None]:
    """Turns off the library's progress bars. The switch is global, so it is restored afterwards."""
    import datasets

    shown = datasets.are_progress_bars_disabled() is False
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _dataset(lines: Path, scratch: Path) -> Dataset:
    """The rows as an on-disk dataset. Its fingerprint depends only on its rows."""
    from datasets import Dataset, DatasetInfo
    from datasets.arrow_writer import ArrowWriter

    features = _features(lines)
    file = scratch / f"{lines.stem}.arrow"
    with ArrowWriter(path=str(file), features=features) as writer:
        for row in read_lines(lines):
            writer.write({key: row.get(key) for key in features})
        writer.finalize()
    table = Dataset.from_file(str(file)).data
    return Dataset(table, info=DatasetInfo(features=features), fingerprint=digest_of(lines)[:16])


def _features(lines: Path) -> Any:
    from datasets import Features, Json, List, Value

    columns: set[str] = set()
    plain = True
    for row in read_lines(lines):
        columns |= row.keys()
        plain = plain and all(message.keys() == {"role", "content"} for message in row["messages"])
    message = {"role": Value("string"), "content": Value("string")} if plain else Json()
    return Features({"messages": List(message), **({"tools": List(Json())} if "tools" in columns else {})})


def _save(dataset: Dataset, folder: Path, split: Split, container: Container) -> None:
    if container == "parquet":
        dataset.to_parquet(folder / f"{split}.parquet")
    else:
        dataset.save_to_disk(folder / split)


def _files_of(folder: Path, split: Split, container: Container) -> list[Path]:
    if container == "parquet":
        return [folder / f"{split}.parquet"]
    return sorted((folder / split).iterdir())


def _written(file: Path, folder: Path, rows: int | None) -> Written:
    counted = rows if file.suffix in (".parquet", ".arrow") else None
    return Written(file.relative_to(folder).as_posix(), counted, digest_of(file))


def _check_same(dataset: Dataset, lines: Path) -> None:
    for number, (row, line) in enumerate(zip(_plain(dataset), read_lines(lines), strict=True)):
        if row != line:
            raise ExportError(f"row {number} is not what was written.", where=lines.stem)


def _plain(dataset: Dataset) -> Iterator[Json]:
    for row in dataset:
        yield {key: value for key, value in row.items() if value is not None}
