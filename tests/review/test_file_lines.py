"""The valid content of a review file, and the errors for everything else."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from synth.cli import main
from synth.errors import InputError
from synth.review.targets.file import FileBackend
from synth.review.tasks import load_task
from synth.store import ReviewTarget, RunFolder
from tests.review.desk_review import pull_file, push_file, records, run_desk


@pytest.fixture
def run(desk: Path, tmp_path: Path) -> Path:
    """A run whose rows were pushed into a file."""
    out = tmp_path / "out"
    run_desk(desk, out, "stages.generate.count=6", "holdout.rows=50", "review.rows=all")
    push_file(out)
    return out


def file_of(run: Path) -> Path:
    return RunFolder(run).review / "desk.jsonl"


def test_a_line_with_an_unknown_id_is_counted(run: Path) -> None:
    line = {"id": "mine", "answers": {"ann": {"response": "Yes.", "quality": 3}}}
    with file_of(run).open("ab") as file:
        file.write(orjson.dumps(line) + b"\n")
    report = pull_file(run)
    assert (report.answers, report.unknown) == (0, 1)


def test_a_byte_order_mark_is_passed_over(run: Path) -> None:
    lines = records(run)
    lines[0]["answers"] = {"ann": {"quality": 4}}
    file_of(run).write_text("".join(orjson.dumps(line).decode() + "\n" for line in lines), "utf-8-sig")
    assert pull_file(run).answers == 1
    assert push_file(run).there == len(lines)


@pytest.mark.parametrize(
    ("encoding", "words"), [("utf-16", "is UTF-16"), ("utf-16-le", "is UTF-16"), ("latin-1", "UTF-8")]
)
def test_another_encoding_has_its_name_in_the_error(run: Path, encoding: str, words: str) -> None:
    text = '{"id": "x", "answers": {"ann": {"response": "Grüße"}}}\n' + file_of(run).read_text()
    file_of(run).write_bytes(text.encode(encoding, "replace"))
    with pytest.raises(InputError, match=rf"desk\.jsonl:1: .*{words}.*Save the file as UTF-8"):
        pull_file(run)


ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2.5, 10**18, "", "x", [], ["x"], [[]], [{}], {}, {"value": []}, [{"value": "a"}]),
    *([{"value": "a", "rank": {}}], [{"value": "a", "rank": "1"}, {"value": "b", "rank": 2}]),
)


@pytest.mark.parametrize("task", ["edit", "preference", "label", "pair"])
def test_no_value_of_an_answer_is_a_bug(tmp_path: Path, task: str) -> None:
    """Each is taken or named with its line, and what is taken can be counted."""
    spec = load_task(task)
    place = ReviewTarget("file:x", "file", "x", orjson.loads(spec.model_dump_json()))
    names = [*(question.name for question in spec.questions), "status", "at", "other"]
    dice = random.Random(4)
    refused: list[str] = []
    taken = 0
    for _ in range(600):
        answer = {dice.choice(names): dice.choice(ODD) for _ in range(dice.choice([1, 1, 2]))}
        given = dice.choice([{"ann": answer}] * 9 + [dice.choice(ODD)])
        line = {"id": "r", "answers": given}
        line[dice.choice(["fields", "suggestions", "more"])] = dice.choice([{}, {}, None])
        (tmp_path / "x.jsonl").write_bytes(orjson.dumps(line) + b"\n")
        try:
            taken += len([found for batch in FileBackend(tmp_path).answers(place) for found in batch])
        except InputError as error:
            refused.append(str(error))
    assert all(words.startswith(f"{tmp_path}/x.jsonl:1: ") for words in refused)
    assert len(refused) > 200
    assert taken > 10


def test_an_unknown_id_does_not_stop_the_command(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file_of(run).write_text('{"id": "mine", "answers": {"ann": {"quality": 3}}}\n')
    for command in ("pull", "status", "push"):
        with pytest.raises(SystemExit) as ended:
            main(["review", command, str(run), "--backend", "file"])
        assert ended.value.code == 0, capfd.readouterr().err
