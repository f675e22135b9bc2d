"""An export: its rows, the withheld rows with reasons, and the replacement of an earlier export."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from export_runs import chat, draft, drafts, held_out, make_run, read_all, read_lines, seed

from synth.errors import ExportError, InputError, MachineError
from synth.exports import export_run
from synth.row import Row
from synth.store import RunReader

ASKED = chat("How do I cancel a booking?", "Open it, then choose Cancel.", "Be brief.")


def test_trl_sft_splits_prompt_from_completion(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [held_out(chat("Hello?", "Hello!")), seed(ASKED)])
    result = export_run(run)
    assert result.folder == run / "export" / "trl-sft"
    assert result.files == {"train": 1, "test": 1}
    assert read_lines(result.folder / "train.jsonl") == [{"prompt": ASKED[:2], "completion": ASKED[2:]}]
    assert read_lines(result.folder / "test.jsonl")[0]["completion"][0]["content"] == "Hello!"


def test_messages_keeps_conversations_whole_and_tools(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
    row = seed(ASKED, tools=tools)
    result = export_run(make_run(tmp_path / "run", [row]), format="messages")
    assert read_lines(result.folder / "train.jsonl") == [{"messages": ASKED, "tools": tools}]


def test_receipts_stand_in_order_with_their_split_and_without_times(tmp_path: Path) -> None:
    rows = [held_out(chat("Hello?", "Hello!")), seed(ASKED), *drafts(3)]
    edited = {"status": "edited", "by": ["ann"], "at": "2026-01-01T00:00:00Z", "before": "x"}
    result = export_run(make_run(tmp_path / "run", rows, reviews={rows[2].id: edited}))
    receipts = read_lines(result.folder / "receipts.jsonl")
    assert [r["id"] for r in receipts] == [row.id for row in rows]
    assert [r["split"] for r in receipts] == ["test", *["train"] * 4]
    without_time = {
        "status": "edited",
        "by": ["ann"],
        "before": "x",
        "answers": {},
        "share": None,
        "waiting": 0,
    }
    assert receipts[2]["review"] == without_time


def test_only_kept_rows_leave_and_conflicts_never_do(tmp_path: Path) -> None:
    kept, conflict, rejected = drafts(3)
    gone = drafts(1, start=9)[0]
    gone = gone.dropped("dedupe", "near_copy")
    reviews = {conflict.id: {"status": "conflict"}, rejected.id: {"status": "rejected"}}
    result = export_run(make_run(tmp_path / "run", [kept, conflict, rejected, gone], reviews=reviews))
    assert [r["id"] for r in read_lines(result.folder / "receipts.jsonl")] == [kept.id]
    assert result.withheld == {"conflict": 1, "rejected": 1}


def test_only_reviewed_drafts_but_all_that_people_gave(tmp_path: Path) -> None:
    accepted, edited, restored, unread = drafts(4)
    reviews = {
        row.id: {"status": status}
        for row, status in ((accepted, "accepted"), (edited, "edited"), (restored, "restored"))
    }
    rows = [held_out(chat("Hello?", "Hello!")), seed(ASKED), accepted, edited, restored, unread]
    result = export_run(make_run(tmp_path / "run", rows, export={"only": "reviewed"}, reviews=reviews))
    assert result.files == {"train": 4, "test": 1}
    assert result.withheld == {"not_reviewed": 1}


def test_seeds_can_stay_behind_and_the_holdout_cannot(tmp_path: Path) -> None:
    rows = [held_out(chat("Hello?", "Hello!")), seed(ASKED), *drafts(2)]
    result = export_run(make_run(tmp_path / "run", rows, export={"seeds": False}))
    assert result.files == {"train": 2, "test": 1}
    assert result.withheld == {"seed": 1}


def test_a_system_prompt_to_train_with_takes_the_place_of_any_other(tmp_path: Path) -> None:
    rows = [seed(ASKED), seed(chat("And how do I move one?", "Drag it to another day."))]
    run = make_run(tmp_path / "run", rows, export={"system": "You help."})
    result = export_run(run)
    systems = [row["prompt"][0] for row in read_lines(result.folder / "train.jsonl")]
    assert systems == [{"role": "system", "content": "You help."}] * 2
    assert read_lines(result.folder / "receipts.jsonl")[0]["messages"] == ASKED


def test_rows_that_are_written_the_same_leave_once(tmp_path: Path) -> None:
    twice = [draft(ASKED), draft(ASKED, parents=["p"]), draft(chat("Else?", "No."))]
    result = export_run(make_run(tmp_path / "run", [held_out(chat("Hello?", "Hello!")), *twice]))
    assert result.files["train"] == 2
    assert result.withheld == {"duplicate": 1}


def test_every_text_survives(tmp_path: Path) -> None:
    texts = [
        "tabs\tand\r\nends",
        "line\u2028and\u2029paragraph\x85ends",
        "🦄 nul\x00 ﬁ",
        '"\\u0041"',
        "  spaces  ",
    ]
    rows = [seed(chat(text + "?", text)) for text in texts]
    folder = export_run(make_run(tmp_path / "run", rows)).folder
    content = (folder / "train.jsonl").read_text(encoding="utf-8")
    assert len(content.splitlines()) == len(texts)
    assert [row["completion"][0]["content"] for row in read_lines(folder / "train.jsonl")] == texts


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (chat("Hello?", "Hello!")[:1], "does not end with the assistant's answer"),
        (chat("Hello?", "Hello!")[1:], "no message of the user"),
        (chat("Hello?", " \n"), "message 1 (assistant) is empty"),
        (chat("", "Hello!"), "message 0 (user) is empty"),
        (
            [*chat("Hello?", "Hello!"), {"role": "assistant", "content": "Hi"}],
            "follows a message of the assistant",
        ),
        ([{"role": "critic", "content": "no"}, *chat("Hello?", "Hello!")], "has the role 'critic'"),
        ([*chat("a", "b"), *chat("c", "d", "Be kind.")], "message 2 is a system prompt"),
        (
            [*chat("a", "b")[:1], {"role": "tool", "content": "3"}, *chat("c", "d")[1:]],
            "no call before it asked for",
        ),
    ],
)
@pytest.mark.parametrize("form", ["trl-sft", "messages"])
def test_a_row_that_cannot_be_expressed_is_named_with_the_rule(
    tmp_path: Path, messages: list[dict[str, object]], words: str, form: str
) -> None:
    bad = draft(messages)
    run = make_run(tmp_path / "run", [seed(ASKED), bad])
    with pytest.raises(ExportError) as caught:
        export_run(run, format=form)
    assert words in caught.value.message
    assert form in caught.value.message
    assert caught.value.where == f"row {bad.id}"
    assert not list((run / "export").iterdir())


def test_an_unknown_format_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"'trl-stf'.*mean 'trl-sft'.*Formats: trl-sft, messages"):
        export_run(make_run(tmp_path / "run", [seed(ASKED)]), format="trl-stf")


def test_nothing_to_export_says_where_the_rows_went(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", drafts(2), export={"only": "reviewed"})
    with pytest.raises(ExportError, match=r"no row is left.*not_reviewed: 2.*synth show"):
        export_run(run)
    assert not list((run / "export").iterdir())


def test_an_unfinished_run_is_exported_and_said_to_be_one(tmp_path: Path) -> None:
    pending = draft(chat("Still thinking?", "Yes."), status="pending")
    result = export_run(make_run(tmp_path / "run", [seed(ASKED), pending], finished=False))
    assert any("unfinished: 1 rows" in warning for warning in result.warnings)
    assert "is unfinished" in (result.folder / "README.md").read_text()


def test_the_card_is_one_the_hub_reads(tmp_path: Path) -> None:
    rows: list[Row] = [held_out(chat("Hello?", "Hello!")), *drafts(3)]
    folder = export_run(make_run(tmp_path / "run", rows)).folder
    _, front, body = (folder / "README.md").read_text().split("---\n", 2)
    data = yaml.safe_load(front)
    assert data["license"] == "mit"
    assert data["size_categories"] == ["n<1K"]
    assert data["configs"][0]["data_files"] == [
        {"split": "train", "path": "train.jsonl"},
        {"split": "test", "path": "test.jsonl"},
    ]
    for words in ("generate/self_instruct@1", "| sources |", "seeds.jsonl", "is the holdout: 1 real rows"):
        assert words in body
    assert str(tmp_path) not in body


def test_a_test_split_cut_from_drafts_is_said_to_be_one(tmp_path: Path) -> None:
    result = export_run(make_run(tmp_path / "run", drafts(60)))
    assert 0 < result.files["test"] < 20
    assert any("cut from the drafts" in warning for warning in result.warnings)
    assert "was cut from the drafts" in (result.folder / "README.md").read_text()


def test_the_same_export_stays_untouched_and_a_different_one_moves_aside(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [seed(ASKED), *drafts(3)])
    first = export_run(run)
    before = read_all(first.folder)
    inode = first.folder.stat().st_ino
    again = export_run(run)
    assert (first.changed, again.changed) == (True, False)
    assert first.folder.stat().st_ino == inode
    (first.folder / "notes.txt").write_text("mine")
    (run / "recipe.json").write_text((run / "recipe.json").read_text().replace('"mit"', '"apache-2.0"'))
    third = export_run(run)
    assert third.replaced == run / "export" / "old" / "1"
    assert read_all(third.replaced) == {**before, "notes.txt": b"mine"}
    assert "apache-2.0" in (third.folder / "README.md").read_text()
    assert sorted(entry.name for entry in (run / "export").iterdir()) == ["old", "trl-sft"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_cannot_be_written_is_the_machines_fault(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [seed(ASKED)])
    run.chmod(0o555)
    try:
        with pytest.raises(MachineError, match="Permission denied"):
            export_run(run)
    finally:
        run.chmod(0o755)


def test_no_run_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run folder"):
        export_run(tmp_path)


def test_a_run_that_grows_meanwhile_is_not_exported_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", drafts(4))
    read_all_rows = RunReader.rows
    late = drafts(1, start=50)
    passes = []

    def growing(reader: RunReader, **which: Any) -> Iterator[Row]:
        passes.append(which)
        yield from read_all_rows(reader, **which)
        if len(passes) == 2:
            yield from late

    monkeypatch.setattr(RunReader, "rows", growing)
    with pytest.raises(ExportError, match="changed while it was exported"):
        export_run(run)
