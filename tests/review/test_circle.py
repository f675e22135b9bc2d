"""A review through a file: decisions apply, are never undone, and never count twice."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

import synth
from synth.api import export
from synth.cli import main
from synth.cli.tables import row_line
from synth.llm.base import Json
from synth.row import Row
from synth.store import RunFolder
from tests.review.desk_review import answer, give, pull_file, push_file, records, run_desk

REVIEW = "review.rows=all"


@pytest.fixture
def run(desk: Path, tmp_path: Path) -> Path:
    """A finished run, of which every reviewable row was pushed; some were dropped by the judge."""
    out = tmp_path / "out"
    run_desk(desk, out, REVIEW, *HARD)
    push_file(out)
    return out


# A bar that drops some of the fake judge's rows.
HARD = ("stages.score.keep=3",)


def kept_and_dropped(run: Path) -> tuple[list[str], list[str]]:
    """Ids of the records whose rows the stages kept, and of those that the judge dropped."""
    status = {row["id"]: row["status"] for row in synth.open(run).rows()}
    ids = [record["id"] for record in records(run)]
    return [i for i in ids if status[i] == "kept"], [i for i in ids if status[i] == "dropped"]


def exported(run: Path, format: str = "messages") -> dict[str, bytes]:
    folder = export(run, format).folder
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def answers_in(run: Path) -> list[str]:
    """The last words of every row of train."""
    lines = exported(run)["train.jsonl"].decode().splitlines()
    return [json.loads(line)["messages"][-1]["content"] for line in lines]


def decide(run: Path) -> dict[str, str]:
    """One row of each kind, by what was decided; pulled."""
    kept, dropped = kept_and_dropped(run)
    rows = dict(zip(("edited", "rejected", "accepted", "conflict"), kept, strict=False))
    rows["restored"] = dropped[0]
    no: Json = {"status": "discarded", "reasons": ["wrong"], "comment": "No such key."}
    answers: dict[str, Json] = {
        "edited": {"ann": {"response": "Ann's own words.", "quality": 2}},
        "rejected": {"ann": no},
        "accepted": {"ann": {"quality": 5}},
        "conflict": {"ann": {"response": "One.", "quality": 3}, "bob": {"response": "Two.", "quality": 3}},
        "restored": {"bob": {"quality": 4}},
    }
    give(run, {rows[status]: said for status, said in answers.items()})
    pull_file(run)
    return rows


def test_a_score_of_the_text_before_an_edit_is_kept_as_one(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {row["id"]: row["scores"] for row in synth.open(run).rows()}
    rows = decide(run)
    opened = synth.open(run)
    edited, accepted = opened.row(rows["edited"]), opened.row(rows["accepted"])
    assert edited["scores"] == {}
    assert edited["review"]["before_scores"] == before[rows["edited"]] != {}
    assert accepted["scores"] == before[rows["accepted"]]
    assert "before_scores" not in accepted["review"]
    with pytest.raises(SystemExit):
        main(["show", str(run), rows["edited"]])
    assert f"scores before: {before[rows['edited']]}" in capsys.readouterr().out
    assert row_line(Row.from_json(edited)).startswith(f"{rows['edited']} kept, edited  ")


def test_decisions_decide(run: Path) -> None:
    drafts = {record["id"]: record["suggestions"]["response"] for record in records(run)}
    rows = decide(run)
    opened = synth.open(run)
    for status, row in rows.items():
        assert opened.row(row)["review"]["status"] == status
    edited = opened.row(rows["edited"])
    assert edited["messages"][-1]["content"] == "Ann's own words."
    assert edited["review"]["before"] == drafts[rows["edited"]]
    assert edited["review"]["by"] == ["ann"]
    assert edited["review"]["answers"]["ann"]["quality"] == 2
    rejected = opened.row(rows["rejected"])
    assert (rejected["status"], rejected["stage"], rejected["reason"]) == ("dropped", "review", "rejected")
    assert "wrong" in rejected["detail"]
    assert "No such key." in rejected["detail"]
    assert opened.row(rows["restored"])["status"] == "kept"
    texts = answers_in(run)
    assert "Ann's own words." in texts
    assert drafts[rows["restored"]] in texts
    assert drafts[rows["edited"]] not in texts
    assert drafts[rows["rejected"]] not in texts
    assert not {"One.", "Two.", drafts[rows["conflict"]]} & set(texts)


def test_every_number_still_adds_up(run: Path) -> None:
    decide(run)
    funnel = synth.open(run).funnel()
    for before, line in pairwise(funnel):
        assert line.came == before.passed
    assert funnel[-1].stage == "review"
    assert funnel[-1].dropped == {"rejected": 1}
    assert funnel[-1].passed == len(list(synth.open(run).rows(status="kept")))


def test_pulling_twice_changes_no_byte(run: Path) -> None:
    decide(run)
    before = RunFolder(run).decisions.read_bytes()
    files = exported(run)
    report = pull_file(run)
    assert (report.answers, report.new) == (6, 0)
    assert RunFolder(run).decisions.read_bytes() == before
    assert exported(run) == files


def test_pushing_again_adds_nothing_and_keeps_answers(run: Path) -> None:
    decide(run)
    before = records(run)
    report = push_file(run)
    assert (report.sent, report.there) == (1, len(before))  # the one: a conflict to be settled
    assert records(run) == before
    assert push_file(run).sent == 0


def test_a_place_that_was_lost_is_filled_with_what_nobody_decided_on(run: Path) -> None:
    """Whether the file is gone or the review moves: what people did is done."""
    rows = decide(run)
    whole = len(records(run))
    (RunFolder(run).review / "desk.jsonl").unlink()
    report = push_file(run)
    assert report.conflicts == 1, "the conflict is shown to whoever settles it"
    assert (report.sent, report.there, report.decided) == (whole - len(rows) + 1, 0, len(rows))
    assert not {record["id"] for record in records(run)} & set(rows.values())
    assert [record["id"] for record in records(run, "desk-conflicts")] == [rows["conflict"]]
    assert synth.open(run).row(rows["edited"])["messages"][-1]["content"] == "Ann's own words."


def test_an_answer_that_was_changed_counts_once(run: Path) -> None:
    rows = decide(run)
    give(run, {rows["edited"]: {"ann": {"response": "Better still.", "quality": 2}}})
    assert pull_file(run).new == 1
    assert synth.open(run).row(rows["edited"])["messages"][-1]["content"] == "Better still."
    give(run, {rows["edited"]: {"ann": {"status": "draft"}}})
    assert pull_file(run).new == 1
    assert synth.open(run).row(rows["edited"])["review"]["status"] == "pending"
    assert "Better still." not in answers_in(run)


def test_an_answer_that_vanished_stays(run: Path) -> None:
    rows = decide(run)
    answer(run, lambda lines: [line.update(answers={}) for line in lines])
    assert pull_file(run).answers == 0
    assert synth.open(run).row(rows["edited"])["review"]["status"] == "edited"


@pytest.mark.parametrize("lost", ["rows.sqlite*", "replies.journal"])
def test_a_replay_keeps_what_people_decided(run: Path, desk: Path, lost: str) -> None:
    decide(run)
    files = exported(run)
    for file in run.glob(lost):
        file.unlink()
    run_desk(desk, run, REVIEW, *HARD)
    assert exported(run) == files


def test_no_stage_drops_what_a_person_kept(run: Path, desk: Path) -> None:
    rows = decide(run)
    run_desk(desk, run, REVIEW, "stages.score.keep=5")
    opened = synth.open(run)
    assert [opened.row(rows[key])["status"] for key in ("edited", "accepted", "restored")] == ["kept"] * 3
    assert "Ann's own words." in answers_in(run)


def test_what_people_decided_on_outlives_the_recipe_that_made_it(run: Path, desk: Path) -> None:
    drafts = {record["id"]: record["suggestions"]["response"] for record in records(run)}
    rows = decide(run)
    before = exported(run)
    other = run_desk(desk, run, REVIEW, *HARD, "seed=4")
    opened = synth.open(run)
    for status, row in rows.items():
        receipt = opened.row(row)
        assert receipt["status"] == ("dropped" if status == "rejected" else "kept")
        assert receipt["review"]["status"] == status
    assert other["carried"] == 4
    assert other["accepted"] == len([r for r in opened.rows(status="kept") if r["lineage"]["stage"]]) - 4
    for line, following in pairwise(opened.funnel()):
        assert following.came == line.passed
    texts = answers_in(run)
    assert "Ann's own words." in texts
    assert drafts[rows["restored"]] in texts
    undecided = next(i for i in drafts if i not in rows.values())
    assert opened.row(undecided)["status"] == "superseded"
    for file in run.glob("rows.sqlite*"):
        file.unlink()
    carried = exported_after(run, desk, "seed=4")
    assert "Ann's own words." in carried
    run_desk(desk, run, REVIEW, *HARD)
    assert exported(run) == before


def exported_after(run: Path, desk: Path, *changes: str) -> list[str]:
    run_desk(desk, run, REVIEW, *HARD, *changes)
    return answers_in(run)


def test_a_rejection_is_made_up_for_where_there_is_a_target(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    goal = ("target=20", REVIEW)
    assert run_desk(desk, out, *goal)["accepted"] == 20
    push_file(out)
    first, second, third = (record["id"] for record in records(out)[:3])
    gone: Json = {"ann": {"status": "discarded"}}
    give(out, {first: gone, second: gone, third: {"ann": {"response": "Mine.", "quality": 1}}})
    pull_file(out)
    assert len([r for r in synth.open(out).rows(status="kept") if r["lineage"]["stage"]]) == 18
    again = run_desk(desk, out, *goal)
    assert again["accepted"] == 20
    assert again["dropped"]["review: rejected"] == 2
    assert run_desk(desk, out, *goal)["requests"] == 0
    assert "Mine." in answers_in(out)


def test_somebody_settles_a_conflict(run: Path) -> None:
    rows = decide(run)
    assert push_file(run).conflicts == 1
    (case,) = records(run, "desk-conflicts")
    assert case["id"] == rows["conflict"]
    assert "One." in case["fields"]["versions"]
    assert "Two." in case["fields"]["versions"]
    give(run, {case["id"]: {"eve": {"response": "Three.", "quality": 1}}}, "desk-conflicts")
    pull_file(run)
    receipt = synth.open(run).row(rows["conflict"])
    assert receipt["review"]["status"] == "edited"
    assert receipt["review"]["by"] == ["eve"]
    assert receipt["review"]["adjudicated"] is True
    assert set(receipt["review"]["answers"]) == {"ann", "bob", "eve"}
    assert "Three." in answers_in(run)


def test_an_edit_is_a_preference(run: Path) -> None:
    drafts = {record["id"]: record["suggestions"]["response"] for record in records(run)}
    rows = decide(run)
    pairs = [json.loads(line) for line in exported(run, "trl-dpo")["train.jsonl"].splitlines()]
    mine = [pair for pair in pairs if pair["chosen"][0]["content"] == "Ann's own words."]
    assert [pair["rejected"][0]["content"] for pair in mine] == [drafts[rows["edited"]]]
    receipts = [json.loads(line) for line in exported(run, "trl-dpo")["receipts.jsonl"].splitlines()]
    assert "edit" in [receipt["preference"]["source"] for receipt in receipts]


def test_show_tells_who_changed_what(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = decide(run)
    with pytest.raises(SystemExit):
        main(["show", str(run), rows["edited"]])
    shown = capsys.readouterr().out
    assert "edited by ann" in shown
    assert "Ann's own words." in shown
    draft = synth.open(run).row(rows["edited"])["review"]["before"]
    assert draft in shown


def test_scores_are_hidden_where_figures_must_be_fair(run: Path) -> None:
    share = shares(run)
    for record in records(run):
        assert ("score" in record["metadata"]) == (share[record["id"]] != "random")


def shares(run: Path) -> dict[str, str]:
    lines = [json.loads(line) for line in RunFolder(run).decisions.read_text().splitlines()]
    return {line["row"]: line["share"] for line in lines if line["kind"] == "shown"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ann": "fine"}, "answer of 'ann' is not an object"),
        ({"ann": {"qualty": 3}}, "no question 'qualty'"),
        ({"ann": {"quality": 7}}, "7 is not one of"),
        ({"ann": {"status": "done"}}, "'done' is not one of"),
        ({"ann": {"response": 3}}, "response: is not a text"),
        ({"ann": {"reasons": ["bad"]}}, "'bad' is not one of"),
        (["ann"], "`answers` is not an object"),
    ],
)
def test_a_wrong_answer_is_named(
    run: Path, given: object, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(run, lambda lines: lines[3].update(answers=given))
    before = RunFolder(run).decisions.read_bytes()
    with pytest.raises(SystemExit) as exit:
        main(["review", "pull", str(run), "--backend", "file", "--json"])
    assert exit.value.code == 2
    said = json.loads(capsys.readouterr().out)["error"]
    assert words in said["message"]
    assert "desk.jsonl:4" in said["where"]
    assert RunFolder(run).decisions.read_bytes() == before


def test_a_pull_without_a_push_says_what_to_do(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_desk(desk, tmp_path / "out", "stages.generate.count=5")
    with pytest.raises(SystemExit) as exit:
        main(["review", "pull", str(tmp_path / "out"), "--backend", "file"])
    assert exit.value.code == 2
    assert "nothing was pushed yet" in capsys.readouterr().err


def test_a_run_that_goes_on_is_left_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = RunFolder(run).hold()
    assert lock
    with pytest.raises(SystemExit) as exit:
        main(["review", "push", str(run), "--backend", "file"])
    assert exit.value.code == 4
    assert "in use" in capsys.readouterr().err
