"""The warning about checks that do not apply to the language of the seeds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from synth.conversation import Conversation, assistant_message, user_message
from synth.pipeline.seed_languages import language_warnings
from synth.recipe.load import load_recipe
from synth.row import Lineage, Row
from synth.stages.source_items import Seed

_JA = "注文から3日経っても届きません。"
_EN = "How do I reset my password?"


def warnings(folder: Path, stages: list[object], *texts: str) -> list[str]:
    (folder / "seeds.jsonl").write_text('{"instruction": "a", "response": "b"}\n')
    recipe = {"name": "spoken", "sources": {"seeds": "seeds.jsonl"}, "stages": stages}
    recipe["models"] = {"writer": {"provider": "fake"}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    seeds = [
        Seed(Row(str(n), Conversation((user_message(text), assistant_message("."))), Lineage("seed")))
        for n, text in enumerate(texts)
    ]
    return list(language_warnings(load_recipe(folder / "recipe.yaml"), seeds))


def test_it_names_the_share_the_language_and_the_checks(tmp_path: Path) -> None:
    (said,) = warnings(tmp_path, [{"paraphrase": {}}], *[_JA] * 9, _EN)
    assert "90% of the seeds are in Japanese" in said
    assert "paraphrase: " in said
    assert "`similarity`" in said
    assert "negations" not in said


def test_an_unknown_language_has_no_check_of_negations(tmp_path: Path) -> None:
    (said,) = warnings(
        tmp_path, [{"paraphrase": {}}, {"standardise": {}}], *["Parolamı sıfırlayabilir miyim?"] * 3
    )
    assert "a language that no check knows" in said
    assert "negations" in said
    assert "standardise: preambles and closers" in said


@pytest.mark.parametrize(
    ("stages", "texts"),
    [
        ([{"paraphrase": {}}, {"standardise": {}}], [_EN] * 10),
        ([{"paraphrase": {}}], [_EN] * 19 + [_JA]),
        ([{"standardise": {}}, {"dedupe": {}}], [_JA] * 10),
        ([{"paraphrase": {}}], []),
    ],
)
def test_it_says_nothing_where_every_check_applies(
    tmp_path: Path, stages: list[object], texts: list[str]
) -> None:
    assert warnings(tmp_path, stages, *texts) == []
