"""A finished run with damaged files: an error, or rows rebuilt from the journal; never different rows."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from _pytest.capture import CaptureFixture

from synth.api import export
from synth.cli import main
from synth.errors import InputError, MachineError
from synth.llm.base import Json
from synth.store import RunFolder, RunReader
from synth.store.database import DamagedDatabase
from tests.review.desk_review import give, pull_file, push_file, records, run_desk

SMALL = ("stages.generate.count=8", "holdout.rows=45", "review.rows=4", "review.overlap=0")
OTHER = "holdout.rows=40"
CASES = 300
# What rows and their exports depend on. The file to review is the users' own: they may write anything there.
TRUTH = ("run.json", "recipe.json", "rows.sqlite", "replies.journal", "decisions.jsonl", "sums.json")


def finished(recipe: Path, out: Path, *changes: str) -> Path:
    """A run with decisions, finished after them."""
    run_desk(recipe, out, *SMALL, *changes)
    push_file(out)
    first, second = (record["id"] for record in records(out)[:2])
    give(out, {first: {"ann": {"response": "Ann's words.", "quality": 2}}, second: {"ann": {"quality": 5}}})
    pull_file(out)
    run_desk(recipe, out, *SMALL, *changes)
    return out


@pytest.fixture
def runs(desk: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two runs of one recipe with different rows."""
    return finished(desk, tmp_path / "one"), finished(desk, tmp_path / "two", OTHER)


def rows_of(run: Path) -> list[Json]:
    with closing(RunReader(run)) as reader:
        return [row.to_json() for row in reader.rows()]


def flip(data: bytes, dice: random.Random) -> bytes:
    """A few bits, anywhere."""
    changed = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 8])):
        changed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def cut(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def blank(data: bytes, dice: random.Random) -> bytes:
    """Zeros where a block was, as a power loss leaves it."""
    start = dice.randrange(len(data))
    return data[:start] + bytes(min(512, len(data) - start)) + data[start + 512 :]


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip, flip, cut, blank)


def code_of(capfd: CaptureFixture[str], *words: object) -> int:
    """The exit code of a command, which says something where it is not 0."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    said = capfd.readouterr().err
    assert "bug in synth" not in said, said
    assert ended.value.code in (0, 2, 4), (words, said)
    assert ended.value.code == 0 or "Error: " in said
    return int(ended.value.code)


@pytest.mark.timeout(600)
def test_no_damage_ends_in_a_bug_or_in_other_rows(
    desk: Path, tmp_path: Path, runs: tuple[Path, Path], capfd: CaptureFixture[str]
) -> None:
    one, two = runs
    dice = random.Random(20)
    wanted = rows_of(one)
    assert wanted != rows_of(two)
    refused = mended = 0
    for number in range(CASES):
        run = shutil.copytree(one, tmp_path / "damaged")
        name = dice.choice(TRUTH)
        kind = dice.choice(["damage", "damage", "damage", "swap", "gone"])
        if kind == "damage":
            (run / name).write_bytes(dice.choice(DAMAGES)((one / name).read_bytes(), dice))
        elif kind == "swap":
            shutil.copy(two / name, run / name)
        else:
            (run / name).unlink()
        case = f"case {number}: {kind} of {name}"
        if code_of(capfd, "show", run) == 0:
            assert rows_of(run) == wanted, case
        else:
            refused += 1
        settings = [word for change in SMALL for word in ("--set", change)]
        if code_of(capfd, "run", desk, "--out", run, *settings) == 0:
            # The decisions are in `decisions.jsonl` alone: where it is gone, so are they.
            if (kind, name) != ("gone", "decisions.jsonl"):
                assert rows_of(run) == wanted, case
            mended += 1
        shutil.rmtree(run)
    assert refused > CASES / 4
    assert mended > CASES / 2


def test_a_bit_in_a_text_is_found_and_the_run_makes_it_again(desk: Path, runs: tuple[Path, Path]) -> None:
    """SQLite itself would notice nothing."""
    run = runs[0]
    before = rows_of(run)
    text = before[-1]["messages"][-1]["content"].encode()[:24]
    database = RunFolder(run).database
    data = database.read_bytes()
    assert text in data
    database.write_bytes(data.replace(text, b"X" + text[1:]))
    for read in (rows_of, export):
        with pytest.raises(
            DamagedDatabase, match=r"rows\.sqlite: is damaged .*Run the recipe again"
        ) as caught:
            read(run)
        assert caught.value.exit_code == 4
    assert run_desk(desk, run, *SMALL)["requests"] == 0
    assert rows_of(run) == before


def test_a_damaged_database_of_a_killed_run_is_made_again(desk: Path, runs: tuple[Path, Path]) -> None:
    """It has no checksums: SQLite's own check of its pages and indexes has to do."""
    run = runs[0]
    before = rows_of(run)
    RunFolder(run).sums.unlink()
    database = RunFolder(run).database
    data = database.read_bytes()
    database.write_bytes(data[:4096] + b"w" * (len(data) - 4096))
    with pytest.raises(DamagedDatabase):
        rows_of(run)
    assert run_desk(desk, run, *SMALL)["requests"] == 0
    assert rows_of(run) == before


def test_a_damaged_reply_is_asked_for_again_and_no_other(desk: Path, runs: tuple[Path, Path]) -> None:
    run = runs[0]
    before = rows_of(run)
    journal = RunFolder(run).journal
    data = bytearray(journal.read_bytes())
    data[data.index(b'"finish_reason"') + 3] ^= 1
    journal.write_bytes(data)
    more = "stages.generate.count=9"
    asked = run_desk(desk, run, *SMALL, more)["requests"]
    fresh = run_desk(desk, run.parent / "fresh", *SMALL, more)["requests"]
    assert 0 < asked < fresh / 2
    assert {row["id"] for row in before} & {row["id"] for row in rows_of(run)}


def test_the_journal_of_another_run_is_indexed_anew(desk: Path, runs: tuple[Path, Path]) -> None:
    one, two = runs
    wanted = rows_of(one)
    shutil.copy(RunFolder(two).journal, RunFolder(one).journal)
    assert run_desk(desk, one, *SMALL)["requests"] > 0
    assert rows_of(one) == wanted
    assert run_desk(desk, one, *SMALL, OTHER)["requests"] == 0


@pytest.mark.parametrize("command", ["show", "export"])
def test_a_damaged_decision_is_said_by_those_who_read(
    runs: tuple[Path, Path], command: str, capfd: CaptureFixture[str]
) -> None:
    run = runs[0]
    decisions = RunFolder(run).decisions
    decisions.write_bytes(decisions.read_bytes().replace(b"Ann's words", b"Bob's words", 1))
    with pytest.raises(SystemExit) as ended:
        main([command, str(run)])
    assert ended.value.code == 2
    assert "the line is damaged" in capfd.readouterr().err


@pytest.mark.parametrize("lines", [0, 1, 3])
def test_lost_decisions_are_said_by_everybody(desk: Path, runs: tuple[Path, Path], lines: int) -> None:
    run = runs[0]
    decisions = RunFolder(run).decisions
    decisions.write_bytes(b"".join(decisions.read_bytes().splitlines(keepends=True)[:lines]))
    for read in (rows_of, export, pull_file, lambda run: run_desk(desk, run, *SMALL)):
        with pytest.raises(InputError, match="has lost or changed lines"):
            read(run)
    RunFolder(run).sums.unlink()
    push_file(run)
    pull_file(run)
    assert any(row["messages"][-1]["content"] == "Ann's words." for row in rows_of(run))


def test_a_reader_beside_a_writer_takes_no_change_for_damage(desk: Path, runs: tuple[Path, Path]) -> None:
    run = RunFolder(runs[0])
    sums = run.sums.read_bytes()
    lock = run.hold()
    try:
        run.recipe.write_bytes(orjson.dumps({**orjson.loads(run.recipe.read_bytes()), "seed": 5}))
        run.sums.write_bytes(sums)
        RunReader(run.path).close()
    finally:
        os.close(lock)
    with pytest.raises(DamagedDatabase, match=r"recipe\.json"):
        RunReader(run.path)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_disk_without_locks_is_said_to_be_one(
    desk: Path, tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(MachineError, match=r"no file locks.*local disk with --out"):
        run_desk(desk, tmp_path / "out")


def test_a_file_of_the_user_beside_the_database_stays(desk: Path, runs: tuple[Path, Path]) -> None:
    run = runs[0]
    (run / "rows.sqlite.bak").write_text("mine")
    (run / "rows.sqlite").write_bytes(b"no database")
    run_desk(desk, run, *SMALL)
    assert (run / "rows.sqlite.bak").read_text() == "mine"
