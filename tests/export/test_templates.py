"""Every row is rendered with well-known chat templates, and the card reports the result."""

from __future__ import annotations

from pathlib import Path

from export_runs import chat, held_out, make_run, seed
from varied_rows import varied_rows

from synth.exports import export_run
from synth.exports.chat_template_checks import NAMES, Templates
from synth.exports.example import TrainingExample, examples_of
from synth.exports.target_model import TargetModel
from synth.recipe.model import ExportOptions


def turns(*texts: str) -> list[dict[str, str]]:
    """User and assistant, one after the other."""
    return [
        {"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(texts)
    ]


CALLED = [
    {"role": "user", "content": "Is it raining?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "weather", "arguments": {"in": "Lisbon"}}}
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": "light rain"},
    {"role": "assistant", "content": "Yes, lightly."},
]


def test_plain_rows_are_whole_in_all_of_them() -> None:
    templates = Templates()
    templates.look(TrainingExample("one", chat("Where is it?", "On its way.")))
    templates.look(
        TrainingExample(
            "two", [{"role": "system", "content": "Be brief."}, *turns("Why?", "It rained.", "And?", "No.")]
        )
    )
    assert [*templates.passed(), *templates.failed()] == [
        "Chat templates that show every text of every row, with each answer right behind its prompt: "
        + ", ".join(NAMES)
        + "."
    ]


def test_what_a_template_refuses_or_passes_over_is_said_with_the_row() -> None:
    templates = Templates()
    templates.look(TrainingExample("plain", chat("Where is it?", "On its way.")))
    templates.look(TrainingExample("called", CALLED))
    words = [*templates.passed(), *templates.failed()]
    assert words[0].endswith("behind its prompt: qwen3, llama3.")
    assert words[1].startswith("The chat template of gemma3 shows 1 of 2 rows whole; not row called: ")
    assert "must alternate" in words[1]
    assert words[2].startswith("The chat template of phi3 shows 1 of 2 rows whole; not row called: ")
    assert "leaves out 'light rain'" in words[2]


def test_a_text_that_a_template_reads_as_thinking_is_missed() -> None:
    templates = Templates()
    said = turns("How do models think?", "Between <think> and </think>, they say.", "Thanks.", "Welcome.")
    templates.look(TrainingExample("about-thinking", said))
    assert any(
        word.startswith("The chat template of qwen3 shows 0 of 1")
        for word in [*templates.passed(), *templates.failed()]
    )


def test_an_answer_that_does_not_begin_where_its_prompt_ends() -> None:
    late = (
        "{% if messages[-1].role == 'assistant' %}A conversation. {% endif %}"
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    row = TrainingExample("id", chat("Why?", "Because."))
    assert "another way" in str(TargetModel("late", late, {}, len).flaw(row))
    plain = late.replace("A conversation. ", "")
    assert TargetModel("plain", plain, {}, len).flaw(row) is None
    pair = TrainingExample("id", chat("Why?", "Because."), rejected="No.")
    assert TargetModel("plain", plain, {}, len).flaw(pair) is None
    only_asked = TrainingExample("id", turns("Why?"))
    assert TargetModel("late", late, {}, len).flaw(only_asked) is None


def test_an_export_s_card_has_it(tmp_path: Path) -> None:
    rows = [seed(chat(f"What is {i}?", f"It is {i}.")) for i in range(6)]
    result = export_run(make_run(tmp_path / "run", [*rows, held_out(chat("Who?", "Me."))]))
    said = [check for check in result.checks if check.startswith("Chat templates")]
    assert len(said) == 1
    assert said[0] in (result.folder / "README.md").read_text()


def test_varied_rows_are_whole_in_qwen3() -> None:
    templates = Templates()
    for row in varied_rows():
        for example, _ in examples_of(row, "answer", ExportOptions()):
            templates.look(example)
    assert templates.rows >= 250
    assert any(
        "qwen3" in word and "every text of every row" in word
        for word in [*templates.passed(), *templates.failed()]
    )
