"""`vary`: each draft gets a value of each axis, drawn by a hash in proportion to the weights."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from desks import desk, requests, rows, run, seeds
from typer.testing import CliRunner

import synth
from synth.cli.app import app
from synth.conversation import assistant_message, user_message
from synth.errors import RecipeError
from synth.llm.base import Json
from synth.row import Lineage
from synth.stages.generate.options import GenerateOptions
from synth.stages.generate.variety import Variety
from synth.stages.source_items import Seed
from tests.made_row import made_row

SEEDS = {"seeds": "seeds.jsonl"}
REGISTER = {"register": ["terse", "polite", "upset"]}


def variety(vary: Json, requests_: tuple[str, ...] = (), weights: tuple[float, ...] = ()) -> Variety:
    given = []
    for number, text in enumerate(requests_):
        messages = [user_message(text), assistant_message("Yes.")]
        row = made_row(str(number), messages, Lineage("seed"))
        given.append(Seed(row, weights[number] if weights else 1.0))
    return Variety(GenerateOptions.model_validate({"vary": vary}), given, "salt")


def drawn(vary: Json, count: int = 3000, **given: tuple[str, ...]) -> list[dict[str, str]]:
    found = variety(vary, **given)
    return [found.draw(n, 0) for n in range(count)]


def test_values_come_in_proportion_to_their_weights() -> None:
    counts = Counter(each["kind"] for each in drawn({"kind": {"question": 3, "label": 1}}))
    assert counts.keys() == {"question", "label"}
    assert abs(counts["question"] / 3000 - 0.75) < 0.03
    counts = Counter(each["register"] for each in drawn(REGISTER))
    assert all(abs(count / 3000 - 1 / 3) < 0.03 for count in counts.values())


def test_axes_are_independent() -> None:
    both = Counter((each["register"], each["kind"]) for each in drawn({**REGISTER, "kind": ["a", "b"]}))
    assert len(both) == 6
    assert all(abs(count / 3000 - 1 / 6) < 0.03 for count in both.values())


def test_a_new_value_takes_over_only_the_draws_that_it_wins() -> None:
    before = drawn(REGISTER)
    after = drawn({"register": [*REGISTER["register"], "ironic"], "persona": ["a nurse", "a cook"]})
    changed = [new for old, new in zip(before, after, strict=True) if old["register"] != new["register"]]
    assert {each["register"] for each in changed} == {"ironic"}
    assert abs(len(changed) / 3000 - 0.25) < 0.03


def test_as_in_the_seeds() -> None:
    texts = ("Where is the key of the old press?", "Wo ist der Schlüssel von der alten Presse?",
             "How do I stop it?", "鍵はどこにありますか")  # fmt: skip
    counts = Counter(e["language"] for e in drawn({"language": "as in the seeds"}, requests_=texts))
    assert counts.keys() == {"English", "German", "Japanese"}
    assert abs(counts["English"] / 3000 - 0.5) < 0.03
    found = variety({"length": "as in the seeds"}, ("word " * 4, "word " * 41, "word " * 160), (1, 1, 2))
    counts = Counter(found.draw(n, 0)["length"] for n in range(3000))
    assert counts.keys() == {"about 5 words", "about 40 words", "about 150 words"}
    assert abs(counts["about 150 words"] / 3000 - 0.5) < 0.03


@pytest.mark.parametrize("options", [{}, {"answers": False, "per_request": 4}])
def test_the_prompt_asks_for_the_values_and_the_row_has_them(tmp_path: Path, options: Json) -> None:
    seeds(tmp_path)
    vary = {**REGISTER, "kind": {"question": 3, "a label": 1}}
    stages = [{"generate": {"count": 12, "vary": vary, **options}}, {"respond": {}}]
    recipe = desk(tmp_path, stages, [], sources=SEEDS)
    assert run(recipe).error is None
    asked = [r["messages"][-1]["content"] for r in requests(recipe)]
    lines = re.findall(r"register: (\w+); kind: ([a-z ]+)$", "\n".join(asked), re.MULTILINE)
    labels = [(row["labels"]["vary.register"], row["labels"]["vary.kind"]) for row in rows(recipe)]
    assert len(set(labels)) > 3
    assert not Counter(labels) - Counter(lines)
    result = run(recipe)
    counted = Counter(row["labels"]["vary.register"] for row in rows(recipe, status="kept"))
    assert result.summary["stages"]["generate"]["vary"]["register"] == dict(sorted(counted.items()))
    shown = CliRunner().invoke(app, ["show", str(recipe)]).stdout
    assert f"register: polite {counted['polite']}, terse {counted['terse']}, upset" in shown


def test_the_values_of_a_topics_draws_do_not_depend_on_other_topics(tmp_path: Path) -> None:
    seeds(tmp_path)
    found = []
    for taxonomy in (["a"], ["a", "b"]):
        stages = [{"topics": {"taxonomy": taxonomy}}, {"generate": {"count": 8, "vary": REGISTER}}]
        recipe = desk(tmp_path, stages, [], sources=SEEDS)
        assert run(recipe, out=tmp_path / str(len(taxonomy))).error is None
        every = synth.open(tmp_path / str(len(taxonomy))).rows()
        found.append([r["labels"]["vary.register"] for r in every if r["lineage"]["topic"] == "a"])
    assert found[0][:3] == found[1][:3]


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ({"register": "as in the seeds"}, "vary.register cannot be measured in the seeds"),
        ({"register": []}, "vary.register"),
        ({"register": {}}, "vary.register"),
        ({"register": {"terse": 0}}, "vary.register"),
        ({"language": "as the seeds"}, "vary.language"),
        ({"the register": ["terse"]}, "vary.the register"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, vary: Json, words: str) -> None:
    seeds(tmp_path)
    with pytest.raises(RecipeError, match=re.escape(words)) as caught:
        run(desk(tmp_path, [{"generate": {"vary": vary}}], [], sources=SEEDS))
    assert len(str(caught.value)) < 400
    assert "recipe.yaml:" in str(caught.value)
