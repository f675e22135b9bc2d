"""Every format, on varied rows: what it writes, that nothing is lost, and that its rules hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from export_runs import chat, draft, held_out, make_run, read_all, read_lines, seed
from varied_rows import TOOLS, varied_rows

from synth.errors import ExportError
from synth.exports import export_run
from synth.exports.formats import FORMATS
from synth.row import Row

SPOKEN = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "A?"},
    {"role": "assistant", "content": "B."},
    {"role": "user", "content": "C?"},
    {"role": "assistant", "content": "D."},
]
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "find_booking", "arguments": '{"name": "Ann"}'},
}
CALLED = [
    {"role": "user", "content": "Find Ann."},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "none"},
    {"role": "assistant", "content": "She has no booking."},
]
WITHOUT_TOOLS = {"together", "gemini", "alpaca"}
IN_LINES = [name for name, form in FORMATS.items() if form.container == "jsonl"]
BETTER = {"role": "assistant", "content": "D."}
WORSE = {"role": "assistant", "content": "Nope."}


def one(tmp_path: Path, form: str, row: Row) -> dict[str, Any]:
    """What `form` makes of one row."""
    folder = export_run(make_run(tmp_path / "run", [row]), format=form).folder
    return read_lines(folder / "train.jsonl")[0]


def spoken() -> Row:
    candidates = [
        {"content": "D.", "model": "m", "score": 4.5},
        {"content": "Meh.", "model": "m", "score": 4.0},
        {"content": "Nope.", "model": "m", "score": 1.0},
    ]
    return seed(SPOKEN, candidates=candidates)


CONVERSATIONS = [
    {"from": "system", "value": "Be brief."},
    {"from": "human", "value": "A?"},
    {"from": "gpt", "value": "B."},
    {"from": "human", "value": "C?"},
    {"from": "gpt", "value": "D."},
]
EXPECTED: dict[str, dict[str, Any]] = {
    "trl-sft": {"prompt": SPOKEN[:-1], "completion": [BETTER]},
    "messages": {"messages": SPOKEN},
    "unsloth": {"messages": SPOKEN},
    "openai": {"messages": SPOKEN},
    "together": {"messages": SPOKEN},
    "mistral": {"messages": SPOKEN},
    "axolotl": {"messages": SPOKEN},
    "trl-prompt": {"prompt": SPOKEN[:-1]},
    "trl-dpo": {"prompt": SPOKEN[:-1], "chosen": [BETTER], "rejected": [WORSE]},
    "trl-reward": {"chosen": SPOKEN, "rejected": [*SPOKEN[:-1], WORSE]},
    "trl-kto": {"prompt": SPOKEN[:-1], "completion": [BETTER], "label": True},
    "openai-dpo": {
        "input": {"messages": SPOKEN[:-1]},
        "preferred_output": [BETTER],
        "non_preferred_output": [WORSE],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": role, "parts": [{"text": text}]}
            for role, text in (("user", "A?"), ("model", "B."), ("user", "C?"), ("model", "D."))
        ],
    },
    "sharegpt": {"conversations": CONVERSATIONS, "tools": ""},
    "llama-factory": {"conversations": CONVERSATIONS, "tools": ""},
    "llama-factory-dpo": {
        "conversations": CONVERSATIONS[:-1],
        "chosen": {"from": "gpt", "value": "D."},
        "rejected": {"from": "gpt", "value": "Nope."},
        "tools": "",
    },
    "llama-factory-kto": {"conversations": CONVERSATIONS, "tools": "", "kto_tag": True},
    "alpaca": {
        "instruction": "C?",
        "input": "",
        "output": "D.",
        "system": "Be brief.",
        "history": [["A?", "B."]],
    },
}


@pytest.mark.parametrize("form", IN_LINES)
def test_what_a_format_makes_of_a_conversation(tmp_path: Path, form: str) -> None:
    assert one(tmp_path, form, spoken()) == EXPECTED[form]


@pytest.mark.parametrize("form", sorted(set(IN_LINES) - WITHOUT_TOOLS))
def test_what_a_format_makes_of_a_call(tmp_path: Path, form: str) -> None:
    row = seed(CALLED, tools=TOOLS, candidates=spoken().candidates)
    record = one(tmp_path, form, row)
    if form.startswith(("sharegpt", "llama")):
        assert json.loads(record["tools"]) == [TOOLS[0]["function"]]
        assert record["conversations"][1]["from"] == "function_call"
        assert json.loads(record["conversations"][1]["value"]) == {
            "name": "find_booking",
            "arguments": {"name": "Ann"},
        }
        assert record["conversations"][2] == {"from": "observation", "value": "none"}
        return
    inner = record.get("input", record)
    assert inner["tools"] == TOOLS
    _, called, result = next(iter(inner[k] for k in ("messages", "prompt", "chosen") if k in inner))[:3]
    call = called["tool_calls"][0]
    as_text = form in ("openai", "openai-dpo", "mistral")
    assert call["function"]["arguments"] == ('{"name":"Ann"}' if as_text else {"name": "Ann"})
    assert result["tool_call_id"] == call["id"]
    assert result["name"] == "find_booking"
    assert called.get("content", "") == ""
    if form == "mistral":
        assert len(call["id"]) == 9


def test_results_without_an_id_answer_the_calls_in_their_order(tmp_path: Path) -> None:
    called = {**CALLED[1], "tool_calls": [CALL, {**CALL, "id": "call_2"}]}
    row = seed([CALLED[0], called, CALLED[2], {"role": "tool", "content": "two"}, CALLED[3]], tools=TOOLS)
    results = one(tmp_path, "messages", row)["messages"][2:4]
    assert [(r["tool_call_id"], r["content"]) for r in results] == [("call_1", "none"), ("call_2", "two")]


@pytest.mark.parametrize("form", IN_LINES)
def test_varied_rows_go_in_and_come_out(tmp_path: Path, form: str) -> None:
    rows = varied_rows(tools=form not in WITHOUT_TOOLS)
    result = export_run(make_run(tmp_path / "run", rows), format=form)
    records = 2 if FORMATS[form].kind == "judgement" else 1
    assert sum(result.files.values()) == 300 * records
    assert result.files["test"] == 38 * records
    assert result.withheld == {}
    keys = {
        frozenset(row) - {"tools", "systemInstruction"} for row in read_lines(result.folder / "train.jsonl")
    }
    assert len(keys) == 1


@pytest.mark.parametrize("form", sorted(WITHOUT_TOOLS))
def test_formats_without_tools_say_so(tmp_path: Path, form: str) -> None:
    with pytest.raises(ExportError, match="it uses tools"):
        one(tmp_path, form, seed(CALLED, tools=TOOLS))


@pytest.mark.parametrize("form", ["trl-dpo", "trl-kto", "llama-factory", "axolotl", "mistral"])
def test_the_same_run_gives_the_same_bytes(tmp_path: Path, form: str) -> None:
    folders = [
        export_run(make_run(tmp_path / name / "run", varied_rows(60)), format=form).folder for name in "ab"
    ]
    assert read_all(folders[0]) == read_all(folders[1])


@pytest.mark.parametrize(
    ("form", "more"),
    [
        ("llama-factory", {}),
        ("llama-factory-dpo", {"chosen": "chosen", "rejected": "rejected"}),
        ("llama-factory-kto", {"kto_tag": "kto_tag"}),
    ],
)
def test_llama_factory_describes_both_splits(tmp_path: Path, form: str, more: dict[str, str]) -> None:
    rows = [held_out(chat("Hello?", "Hello!"), candidates=spoken().candidates), spoken()]
    folder = export_run(make_run(tmp_path / "run", rows), format=form).folder
    shared = {"formatting": "sharegpt", "columns": {"messages": "conversations", "tools": "tools", **more}}
    ranking = {"ranking": True} if form == "llama-factory-dpo" else {}
    assert json.loads((folder / "dataset_info.json").read_text()) == {
        f"tiny_{split}": {"file_name": f"{split}.jsonl", **shared, **ranking} for split in ("train", "test")
    }
    manifest = json.loads((folder / "manifest.json").read_text())
    assert "dataset_info.json" in manifest["files"]


def test_axolotl_gets_a_configuration(tmp_path: Path) -> None:
    rows = [held_out(chat("Hello?", "Hello!")), spoken()]
    run = make_run(tmp_path / "run", rows, export={"model": "some/model"})
    config = yaml.safe_load((export_run(run, format="axolotl").folder / "axolotl.yaml").read_text())
    assert config["base_model"] == "some/model"
    for key, file in (("datasets", "train.jsonl"), ("test_datasets", "test.jsonl")):
        assert config[key] == [
            {
                "path": file,
                "ds_type": "json",
                "split": "train",
                "type": "chat_template",
                "field_messages": "messages",
                "roles_to_train": ["assistant"],
            }
        ]


def test_rows_that_do_not_fit_can_be_withheld(tmp_path: Path) -> None:
    rows = [spoken(), draft(CALLED, tools=TOOLS)]
    result = export_run(
        make_run(tmp_path / "run", rows, export={"on_unsupported": "withhold"}), format="gemini"
    )
    assert result.files["train"] == 1
    assert result.withheld == {"unfit": 1}


def test_too_few_rows_for_a_consumer_are_said_to_be(tmp_path: Path) -> None:
    result = export_run(make_run(tmp_path / "run", [spoken()]), format="openai")
    assert any("asks for 10" in warning for warning in result.warnings)
