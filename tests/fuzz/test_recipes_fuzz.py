"""Promises 1 to 4 on random recipes: any speed, crash or edit gives the same rows and files.

`--recipes 2000` tries that many recipes (200 by default), `--recipes 1 --first-recipe 57` number 57 again.
"""

from __future__ import annotations

import os
import shutil
import signal
import warnings
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

import orjson
import pytest
from random_recipes import Case, random_case, random_edit
from shaken import Shaker

from synth.api import export, open_run, run_with_result
from synth.errors import InputError, SynthError, Unfinished
from synth.llm.base import Json
from synth.pipeline.progress import Progress
from synth.pipeline.report import RunResult
from synth.review.run_recipe import run_recipe_of
from synth.row import Row
from synth.store import RunFolder, RunReader
from synth.store.journal import read_records

FORMATS = ("trl-dpo", "trl-dpo", "trl-sft", "openai-chat", "alpaca", "trl-kto")

FINISHED = "Nothing to do: this run is finished."

# So many slots may live at once.
LIVE_SLOTS = (1, 2, 5, 2048)


@dataclass(frozen=True)
class End:
    """How a run ended, with all that must not depend on time; `files` are those of the exports."""

    error: str
    rows: list[Json]
    files: Mapping[str, bytes | str]

    @property
    def through(self) -> bool:
        """Whether every slot came to its end. What an early stop leaves depends on time, and the next
        call goes on from there."""
        return self.error == "None" or "used up" in self.error


class Desk:
    """Runs one case and its edit in folders of its own."""

    def __init__(self, folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.rng = Random(f"desk {seed}")
        self.form = self.rng.choice(FORMATS)
        self._monkeypatch = monkeypatch

    def run(self, case: Case, out: str, shaker: Shaker, live_slots: int = 2048) -> RunResult:
        """One call of `synth run`."""
        recipe = case.write(self.folder / "recipe")
        self._monkeypatch.setattr("synth.pipeline.run.build_clients", shaker.clients)
        self._monkeypatch.setattr("synth.pipeline.session.LIVE_SLOTS", live_slots)
        progress = Progress()
        before = asked(self.folder / out)
        answered = settled(self.folder / out)
        result = run_with_result(recipe, self.folder / out, progress=progress)
        assert result.error is None or isinstance(result.error, Unfinished), result.error
        new = asked(self.folder / out)[len(before) :]
        assert len(new) == result.summary["requests"]
        assert not set(new) & answered, "a request that was answered is asked again"
        assert len(new) == len(set(new)), "a request is asked twice in one call"
        self._check_funnel(out, progress, result)
        return result

    def shaken(self, case: Case, out: str, shaker: Shaker | None = None) -> RunResult:
        """The same, with answers in a random order."""
        live_slots = self.rng.choice(LIVE_SLOTS)
        return self.run(case, out, shaker or Shaker(Random(self.rng.random())), live_slots)

    def killed(self, case: Case, out: str, answers: int) -> None:
        """A call in a process of its own that is killed after so many answers."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # no other thread of ours is alive
            child = os.fork()
        if child == 0:
            try:
                self.shaken(case, out, Shaker(Random(self.rng.random()), kill_after=answers))
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        # With a target, how many requests are under way at its end depends on time.
        assert status in (signal.SIGKILL, 0 if "target" in case.recipe else signal.SIGKILL)

    def cut(self, source: str, out: str) -> None:
        """A copy of a run whose journal ends at a random byte, with the database as it was or none."""
        shutil.copytree(self.folder / source, self.folder / out)
        journal = RunFolder(self.folder / out).journal
        os.truncate(journal, self.rng.randint(0, journal.stat().st_size))
        if self.rng.random() < 0.5:
            for file in (self.folder / out).glob("rows.sqlite*"):
                file.unlink()

    def end(self, result: RunResult, out: str) -> End:
        """What a call left in the folder."""
        rows = list(open_run(self.folder / out).rows())
        for row in rows:
            assert orjson.dumps(Row.from_json(row).to_json()) == orjson.dumps(row), (
                "a typed row loses something"
            )
        rows = [row for row in rows if row["status"] != "superseded"]
        self._check_reasons(out, rows)
        try:
            exported = export(self.folder / out, format=self.form, out=self.folder / "exports" / out).folder
        except SynthError as error:
            return End(str(result.error), rows, {"error": error.message})
        files = {file.name: file.read_bytes() for file in exported.iterdir()}
        return End(str(result.error), rows, files)

    def _check_reasons(self, out: str, rows: list[Json]) -> None:
        with closing(RunReader(self.folder / out)) as reader:
            stages = run_recipe_of(reader).stages
        declared = {(stage.name, str(reason)) for stage in stages for reason in stage.options.reasons}
        dropped = {(row["stage"], row["reason"]) for row in rows if row["status"] == "dropped"}
        assert dropped <= declared, "a stage drops a row for a reason that it does not declare"

    def _check_funnel(self, out: str, progress: Progress, result: RunResult) -> None:
        funnel = open_run(self.folder / out).funnel()
        assert funnel[0].came == 0
        for before, line in pairwise(funnel):
            assert line.came == before.passed
        kept = sum(row["status"] == "kept" for row in open_run(self.folder / out).rows())
        assert funnel[-1].passed == kept
        if result.error is None and progress.target is None and progress.messages[-1:] != [FINISHED]:
            assert [stage.waiting for stage in progress.stages] == [0] * len(funnel)


def asked(out: Path) -> list[tuple[str, int]]:
    """The identities in the journal, with the `max_tokens` that they were asked under."""
    journal = RunFolder(out).journal
    if not journal.exists():
        return []
    # A stage that nothing serves leaves a note in the journal, which is no request.
    return [(r.identity, r.max_tokens) for _, r in read_records(journal) if r.kind != "retry_failed"]


def settled(out: Path) -> set[tuple[str, int]]:
    """The requests of the journal that no call sends again: those with a reply, and refused ones, unless
    nothing served their stage afterwards.
    """
    journal = RunFolder(out).journal
    found: dict[tuple[str, int], str] = {}
    for _, record in read_records(journal) if journal.exists() else ():
        if record.kind == "retry_failed":
            found = {request: kind for request, kind in found.items() if kind == "reply"}
        else:
            found[record.identity, record.max_tokens] = record.kind
    return set(found)


def asks_ahead(case: Case) -> bool:
    """Whether a maker may have requests under way when it has enough. How many depends on time."""
    counted = {"generate", "backtranslate", "target_failures"}
    stages = [next(iter(stage.items())) for stage in case.recipe["stages"]]
    return "target" in case.recipe or any(kind in counted or "count" in options for kind, options in stages)


def check_alike(one: End, other: End) -> None:
    """Both ended with the same rows and files."""
    if not (one.through and other.through):
        return
    assert one.error == other.error
    assert [row["id"] for row in one.rows] == [row["id"] for row in other.rows]
    assert one.rows == other.rows
    assert one.files.keys() == other.files.keys()
    assert [name for name in one.files if one.files[name] != other.files[name]] == []


def begin(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Desk, Case, Shaker, End]:
    """A desk on which recipe `seed` has run undisturbed, into `still`."""
    case, desk, still = random_case(seed), Desk(folder, seed, monkeypatch), Shaker()
    print(f"recipe {seed}:\n{case.text}")
    try:
        return desk, case, still, desk.end(desk.run(case, "still", still), "still")
    except InputError as error:
        pytest.skip(f"no recipe to run: {error}")


@pytest.mark.recipes(1, 3)
def test_speed_changes_nothing_and_a_finished_run_asks_nothing(
    recipe_seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, case, _, whole = begin(recipe_seed, tmp_path, monkeypatch)
    check_alike(whole, desk.end(desk.shaken(case, "shaken"), "shaken"))

    again = desk.shaken(case, "shaken")
    if again.error is None:
        assert again.summary["requests"] == again.summary["reused"] == 0
    check_alike(whole, desk.end(again, "shaken"))


@pytest.mark.recipes(2, 3)
def test_a_crash_changes_nothing(recipe_seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, case, still, whole = begin(recipe_seed, tmp_path, monkeypatch)
    answers = desk.rng.randrange(max(1, len(still.asked)))
    match desk.rng.randrange(3) if answers else 0:
        case 0:
            desk.cut("still", "stopped")
        case 1:
            desk.killed(case, "stopped", answers)
        case _:
            spent = Case({**case.recipe, "budget": {"requests": answers}}, case.files)
            stopped = desk.shaken(spent, "stopped")
            assert stopped.summary["requests"] <= answers
    check_alike(whole, desk.end(desk.shaken(case, "stopped"), "stopped"))


@pytest.mark.recipes(3, 3)
def test_an_edited_run_is_a_fresh_one(
    recipe_seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, case, _, whole = begin(recipe_seed, tmp_path, monkeypatch)
    edited = random_edit(case, recipe_seed)
    print(f"edited:\n{edited.text}")
    try:
        fresh = desk.shaken(edited, "fresh")
    except InputError as error:
        pytest.skip(f"no edit to run: {error}")
    before = asked(desk.folder / "still")
    check_alike(desk.end(fresh, "fresh"), desk.end(desk.shaken(edited, "still"), "still"))
    if not asks_ahead(edited):
        new = set(asked(desk.folder / "still")[len(before) :])
        assert new <= set(asked(desk.folder / "fresh")), "an edit asks for what a fresh run does not"

    back = desk.shaken(case, "still")
    check_alike(whole, desk.end(back, "still"))
