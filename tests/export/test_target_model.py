"""The view of the model to train: lengths with its template, and texts that the template loses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from export_runs import chat, held_out, make_run, seed
from varied_rows import TOOLS, varied_rows

from synth.errors import ExportError
from synth.exports import export_run
from synth.exports.example import TrainingExample
from synth.exports.target_model import TargetModel, target_model
from synth.recipe.model import ExportOptions

CHATML = (
    "{%- for message in messages -%}<|im_start|>{{ message.role }}\n{% generation %}{{ message.content }}"
    "{% endgeneration %}<|im_end|>\n{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}"
)


def target(template: str = CHATML) -> TargetModel:
    """A model whose tokens are words."""
    return TargetModel("a-model", template, {"eos_token": "<|im_end|>"}, lambda text: len(text.split()))


def test_a_row_is_counted_as_it_is_rendered() -> None:
    example = TrainingExample("id", chat("one two three", "four five"))
    assert target().length(example) == len(
        [
            "<|im_start|>user",
            "one",
            "two",
            "three<|im_end|>",
            "<|im_start|>assistant",
            "four",
            "five<|im_end|>",
        ]
    )


def test_a_pair_is_as_long_as_its_longer_answer() -> None:
    pair = TrainingExample("id", chat("one", "two"), rejected="two three four five")
    assert target().length(pair) == target().length(TrainingExample("id", chat("one", "two three four five")))


@pytest.mark.parametrize(
    ("template", "lost"),
    [
        (CHATML, None),
        (
            "{% for m in messages %}{% if m.role != 'system' %}{{ m.content }}{% endif %}{% endfor %}",
            "'Be brief.'",
        ),
        ("{{ messages[-1].content | upper }}", "leaves out"),
        ("{% for m in messages %}{{ m.content | trim }}{% endfor %}", None),
    ],
)
def test_a_text_that_the_template_leaves_out(template: str, lost: str | None) -> None:
    said = target(template).leaves_out(TrainingExample("id", chat(" Why? ", "Because.", "Be brief.")))
    assert said is None if lost is None else lost in str(said)


def test_tools_reach_the_template() -> None:
    assert target().length(TrainingExample("id", chat("a", "b"), TOOLS)) > target().length(
        TrainingExample("id", chat("a", "b"))
    )


def test_a_template_that_refuses_a_row_is_the_rows_error() -> None:
    with pytest.raises(ExportError, match="refuses it: no system"):
        target("{{ raise_exception('no system') }}").length(TrainingExample("id", chat("a", "b")))


def test_a_template_that_is_none() -> None:
    with pytest.raises(ExportError, match="chat template is not valid"):
        target("{% for %}")


def test_a_template_cannot_run_code() -> None:
    with pytest.raises(ExportError, match="refuses it"):
        target("{{ ''.__class__.__mro__[1].__subclasses__() }}").length(TrainingExample("id", chat("a", "b")))


def test_lengths_need_a_model() -> None:
    with pytest.raises(ExportError, match=r"needs the tokenizer of the model.*export\.model"):
        target_model(ExportOptions(max_length=10), Path())
    assert target_model(ExportOptions(model="a/name"), Path()) is None


def test_a_folder_without_a_template(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    with pytest.raises(ExportError, match="has no chat template"):
        target_model(ExportOptions(model=str(tmp_path)), Path())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's folder, with a tokenizer of words."""
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    folder = tmp_path / "model"
    folder.mkdir()
    words.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": CHATML, "eos_token": {"content": "x"}})
    )
    return folder


def test_rows_that_would_be_cut_are_withheld(tmp_path: Path, model: Path) -> None:
    rows = [
        held_out(chat("Hello?", "Hello!")),
        seed(chat("short", "one")),
        seed(chat("long one", "word " * 50)),
    ]
    run = make_run(tmp_path / "run", rows, export={"model": str(model), "max_length": 20})
    result = export_run(run)
    assert result.files == {"train": 1, "test": 1}
    assert result.withheld == {"too_long": 1}


@pytest.mark.parametrize(("less", "withheld"), [(0, {}), (1, {"too_long": 1})])
def test_a_row_of_max_length_is_not_cut_and_one_token_more_is(
    tmp_path: Path, model: Path, less: int, withheld: dict[str, int]
) -> None:
    row = seed(chat("two words", "and three more"))
    read = target_model(ExportOptions(model=str(model)), Path())
    assert read is not None
    limit = read.length(TrainingExample(row.id, row.conversation.messages)) - less
    run = make_run(
        tmp_path / "run",
        [seed(chat("a", "b")), row],
        export={"model": str(model), "max_length": limit},
    )
    assert export_run(run).withheld == withheld


def test_every_varied_text_is_found_in_what_is_rendered(tmp_path: Path, model: Path) -> None:
    run = make_run(tmp_path / "run", varied_rows(120), export={"model": str(model)})
    assert sum(export_run(run).files.values()) == 120
