"""`generate: {answers: false}`: several requests per reply, answered later, under one system prompt."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from desks import desk, reasons, requests, rows, run, said, seeds

import synth
from synth.api import run_with_result
from synth.errors import PromptError, RecipeError, SourceError
from synth.llm.base import Json

SEEDS = {"seeds": "seeds.jsonl"}
ASKS = "You write messages that users"
WORDS = (
    "oil the lathe",
    "heat the kiln",
    "thread the loom",
    "start the press",
    "stop the mill",
    "empty the dryer",
)


def listed(*texts: str) -> Json:
    return {"requests": list(texts)}


def stages(**options: object) -> list[Json]:
    return [{"generate": {"answers": False, "count": 5, **options}}, {"respond": {}}]


def asked(recipe: Path) -> list[Json]:
    return [request for request in requests(recipe) if ASKS in request["messages"][0]["content"]]


def test_each_request_of_a_reply_is_a_row_that_respond_answers(tmp_path: Path) -> None:
    seeds(tmp_path)
    texts = [f"When do I {words}?" for words in WORDS[:5]]
    script = [{"match": ASKS, "text": listed(*texts)}, {"match": ".", "text": "At noon."}]
    recipe = desk(tmp_path, stages(), script, sources=SEEDS)
    assert run(recipe).error is None
    assert [said(row) for row in rows(recipe)] == [[text, "At noon."] for text in texts]
    (drafting,) = asked(recipe)
    assert "Write 5 new messages of users." in drafting["messages"][1]["content"]
    assert drafting["schema"]["properties"]["requests"]["maxItems"] == 5
    # Requests are shown as they are, without answers and JSON.
    shown = drafting["messages"][1]["content"]
    assert "<example>\nHow do I clean machine" in shown
    assert "Wipe it" not in shown
    # The answer comes from the production prompt: the row's own messages.
    answering = [request["messages"] for request in requests(recipe)[1:]]
    assert answering == [[{"role": "user", "content": text}] for text in texts]


def test_a_row_keeps_its_id_when_the_run_repeats_and_others_come(tmp_path: Path) -> None:
    seeds(tmp_path)
    recipe = desk(tmp_path, stages(count=10), [], sources=SEEDS)
    assert run(recipe).error is None
    first = [row["id"] for row in rows(recipe)]
    assert len(set(first)) == len(first) >= 10
    assert run(recipe, "stages.generate.count=20").error is None
    assert [row["id"] for row in rows(recipe)][: len(first) - 5] == first[: len(first) - 5]


@pytest.mark.parametrize(
    ("reply", "kept", "dropped"),
    [
        (listed(*(f"When do I {words}?" for words in WORDS)), 5, {"surplus": 1}),
        (listed("When do I oil the lathe?", " "), 1, {"empty": 1}),
        (listed("When do I oil the lathe?", "When do I oil the lathe?"), 1, {"not_novel": 1}),
        (listed("When do I oil the lathe?", "Rules for each new message"), 1, {"leaked": 1}),
        (listed(), 0, {"empty": 1}),
    ],
)
def test_every_request_of_a_reply_is_kept_or_has_a_reason(
    tmp_path: Path, reply: Json, kept: int, dropped: dict[str, int]
) -> None:
    seeds(tmp_path)
    recipe = desk(tmp_path, stages(count=9), [{"match": ASKS, "text": reply}], sources=SEEDS)
    run(recipe, "budget.requests=1")
    status = Counter(row["status"] for row in rows(recipe))
    assert status["pending"] + status["kept"] == kept
    assert reasons(recipe) == dropped


def test_requests_that_nothing_answers_are_refused_with_the_line(tmp_path: Path) -> None:
    seeds(tmp_path)
    for behind in ([], [{"standardise": {}}]):
        with pytest.raises(RecipeError, match="no stage after it gives any") as caught:
            run(desk(tmp_path, [*stages()[:1], *behind], [], sources=SEEDS))
        assert "recipe.yaml:" in str(caught.value)
        assert "stages.0.generate.answers" in str(caught.value)
    with pytest.raises(RecipeError, match="no stage after it gives any"):
        run(desk(tmp_path, [{"respond": {}}, *stages()[:1]], [], sources=SEEDS))


def test_per_request_needs_requests_alone(tmp_path: Path) -> None:
    seeds(tmp_path)
    with pytest.raises(RecipeError, match="per_request goes with `answers: false`"):
        run(desk(tmp_path, [{"generate": {"per_request": 3}}], [], sources=SEEDS))


@pytest.mark.parametrize(
    ("options", "missing"),
    [({"vary": {"register": ["terse"]}}, "wanted"), ({"facts": "facts.md"}, "facts"),
     ({"context": "documents"}, "passages"), ({}, "count")],
)  # fmt: skip
def test_a_prompt_that_ignores_an_option_is_refused(tmp_path: Path, options: Json, missing: str) -> None:
    seeds(tmp_path)
    (tmp_path / "facts.md").write_text("The press has two keys.")
    (tmp_path / "a.md").write_text("# Press\n\n" + "The press has two keys, and both open it. " * 20)
    (tmp_path / "own.md").write_text(
        "---\nname: own\nversion: 1\ninputs: [examples]\nsource: mine\noutput: {type: object, required:"
        " [requests], properties: {requests: {type: array, items: {type: string}}}}\n---\n{{ examples }}\n"
    )
    sources = {**SEEDS, "documents": "a.md"}
    with pytest.raises(PromptError, match=f"does not take `{missing}`"):
        run(desk(tmp_path, stages(prompt="own.md", **options), [], sources=sources))
    if missing == "count":
        assert run(desk(tmp_path, stages(prompt="own.md", per_request=1), [], sources=sources)).error is None


def test_the_words_of_a_users_own_prompt_are_no_leak(tmp_path: Path) -> None:
    seeds(tmp_path)
    (tmp_path / "own.md").write_text(
        "---\nname: own\nversion: 1\ninputs: [examples]\nsource: mine\noutput:\n  type: object\n"
        "  required: [instruction, response]\n"
        "  properties: {instruction: {type: string}, response: {type: string}}\n---\n"
        "The press opens at nine in the morning. {{ examples }}\n"
    )
    draft = {
        "instruction": "When does the press open?",
        "response": "The press opens at nine in the morning.",
    }
    script = [{"match": ".", "text": draft}]
    recipe = desk(tmp_path, [{"generate": {"count": 1, "prompt": "own.md"}}], script, sources=SEEDS)
    assert run(recipe).error is None
    assert reasons(recipe) == {}


def test_a_setting_of_the_command_line_names_the_option(tmp_path: Path) -> None:
    seeds(tmp_path)
    recipe = desk(tmp_path, [{"generate": {"count": 3}}, {"respond": {}}], [], sources=SEEDS)
    assert run(recipe, "stages.generate.answers=false", "stages.generate.per_request=2").error is None
    assert "Write 2 new messages" in asked(recipe)[0]["messages"][1]["content"]


def test_the_order_of_replies_changes_nothing(tmp_path: Path) -> None:
    seeds(tmp_path, 20)
    outs = []
    for name, delay in (("still", 0), ("shaken", 0.004)):
        recipe = desk(tmp_path, stages(count=40, vary={"register": ["terse", "upset"]}), [], sources=SEEDS)
        settings = ("window=4", f"models.writer.delay={delay}")
        result = run_with_result(recipe, tmp_path / name, settings=settings)
        assert result.error is None
        outs.append(list(synth.open(tmp_path / name).rows()))
    assert outs[0] == outs[1]


CHAT = [
    {"role": "user", "content": "My loom stops, what now?"},
    {"role": "assistant", "content": "Which lamp is on?"},
    {"role": "user", "content": "The red one."},
    {"role": "assistant", "content": "Change the fuse behind it."},
]


@pytest.mark.parametrize("answers", [True, False])
def test_conversations_are_shown_as_conversations(tmp_path: Path, answers: bool) -> None:
    (tmp_path / "seeds.jsonl").write_text(json.dumps({"messages": CHAT}) + "\n")
    options = {} if answers else {"answers": False}
    recipe = desk(tmp_path, [{"generate": {"count": 1, **options}}, {"respond": {}}], [], sources=SEEDS)
    assert run(recipe).error is None
    shown = requests(recipe)[0]["messages"][1]["content"]
    turns = [f"{m['role'].capitalize()}: {m['content']}" for m in CHAT]
    assert "<example>\n" + "\n\n".join(turns) + "\n</example>" in shown
    assert "is a whole conversation" in shown


def test_seeds_that_are_no_conversation_of_texts_are_refused(tmp_path: Path) -> None:
    odd = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, CHAT[1]]
    (tmp_path / "seeds.jsonl").write_text(json.dumps({"messages": odd}) + "\n")
    with pytest.raises(SourceError, match="no seed is a conversation of texts"):
        run(desk(tmp_path, stages(), [], sources=SEEDS))


def with_systems(folder: Path, *systems: str | None) -> None:
    rows = [
        {
            "instruction": f"How do I {WORDS[i % 6]} {i}?",
            "response": f"So {i}.",
            **({"system": s} if s else {}),
        }
        for i, s in enumerate(systems)
    ]
    (folder / "seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("options", [{}, {"answers": False}])
def test_all_drafts_have_the_seeds_most_frequent_system_prompt(tmp_path: Path, options: Json) -> None:
    with_systems(tmp_path, "Be kind.", None, None, None, "Be brief.", "Be kind.", None)
    recipe = desk(tmp_path, [{"generate": {"count": 9, **options}}, {"respond": {}}], [], sources=SEEDS)
    assert run(recipe).error is None
    assert {said(row)[0] for row in rows(recipe)} == {"Be kind."}
    notes = [line for line in synth.open(recipe)._reader.notes["messages"] if "system prompts" in line]
    assert notes == [
        "generate: the seeds mix system prompts (2 have 'Be kind.', 1 have 'Be brief.', 4 have none). All"
        " drafts get the first of these. Set `generate: {system: ...}` to the one that the assistant has in"
        " production."
    ]


def test_the_recipes_system_prompt_is_for_all_drafts(tmp_path: Path) -> None:
    with_systems(tmp_path, "Be kind.", None)
    recipe = desk(tmp_path, stages(system="Be exact."), [], sources=SEEDS)
    assert run(recipe).error is None
    assert {said(row)[0] for row in rows(recipe)} == {"Be exact."}
    assert "Be exact." in asked(recipe)[0]["messages"][0]["content"]
    assert not any("system prompts" in line for line in synth.open(recipe)._reader.notes["messages"])
    assert run(recipe, "stages.generate.system=''").error is None
    assert {len(row["messages"]) for row in rows(recipe, status="kept")} == {2}


def test_seeds_with_one_system_prompt_are_no_mixture(tmp_path: Path) -> None:
    with_systems(tmp_path, "Be kind.", "Be kind.")
    recipe = desk(tmp_path, stages(), [], sources=SEEDS)
    assert run(recipe).error is None
    assert not any("system prompts" in line for line in synth.open(recipe)._reader.notes["messages"])
