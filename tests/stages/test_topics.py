"""`topics` on the fake model: valid taxonomies, evenly filled leaves, and promises 1 to 4."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from desks import desk, requests, rows, run, seeds
from typer.testing import CliRunner

import synth
from synth.api import export
from synth.cli.app import app
from synth.errors import InputError, PromptError, RecipeError, SourceError, Unfinished
from synth.llm.base import Json
from synth.stages.generate.few_shot import EvenDraws
from synth.stages.taxonomy import join_taxonomies, read_taxonomy
from synth.stages.topics.batches import batches
from tests.made_row import made_row

SEEDS = {"seeds": "seeds.jsonl"}
NAMES = "You plan what a set"
BILLING = {"Billing": ["Refunds", "Invoices"], "Safety": None, "Cleaning": {"Daily": [], "Yearly": ["Tanks"]}}
LEAVES = [
    "Billing / Refunds",
    "Billing / Invoices",
    "Safety",
    "Cleaning / Daily",
    "Cleaning / Yearly / Tanks",
]


def stages(taxonomy: object, count: int = 20, **more: object) -> list[Json]:
    return [{"topics": {"taxonomy": taxonomy}}, {"generate": {"count": count, **more}}]


def numbered(count: int) -> list[str]:
    return [f"Topic number {i}" for i in range(count)]


def kept_by_topic(recipe: Path) -> Counter[str]:
    return Counter(row["lineage"]["topic"] for row in rows(recipe, status="kept"))


def test_nested_names_are_leaves_with_the_way_to_them() -> None:
    assert read_taxonomy(BILLING) == LEAVES
    assert read_taxonomy(["a", {"b": ["c", "d"]}, 2024]) == ["a", "b / c", "b / d", "2024"]
    assert read_taxonomy({"Billing": "Refunds"}) == ["Billing / Refunds"]


RING: list[object] = []
RING.append({"again": RING})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "names no topic"),
        ({}, "names no topic"),
        (["a", "b", "a"], "'a' is in it twice"),
        ([["a"]], "a list within a list"),
        ([True], "True is no name"),
        (["a", " "], "is no name"),
        ([None], "None is no name"),
        (RING, "deeper than 8 levels"),
    ],
)
def test_what_is_no_taxonomy(tmp_path: Path, value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_taxonomy(value)
    if value is not RING:
        seeds(tmp_path)
        with pytest.raises(RecipeError, match=words) as caught:
            run(desk(tmp_path, stages(value), [], sources=SEEDS))
        assert "recipe.yaml:" in str(caught.value)


@pytest.mark.parametrize("name", ["topics.yaml", "topics.json"])
def test_a_file_gives_them(tmp_path: Path, name: str) -> None:
    seeds(tmp_path)
    (tmp_path / name).write_text(json.dumps(BILLING))
    recipe = desk(tmp_path, stages(name, 10), [], sources=SEEDS)
    assert run(recipe).summary["topics"]["rows"] == dict.fromkeys(LEAVES, 2)
    # Another file is another recipe, and costs what it changes.
    (tmp_path / name).write_text(json.dumps({**BILLING, "Oil": None}))
    assert 0 < run(recipe).summary["requests"] <= 4


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), ("a: [b", "neither YAML nor JSON"), ("[]", "is no taxonomy: names no topic")],
)
def test_a_file_that_gives_none_says_why(tmp_path: Path, content: str | None, words: str) -> None:
    seeds(tmp_path)
    if content is not None:
        (tmp_path / "topics.yaml").write_text(content)
    with pytest.raises(SourceError, match=words):
        run(desk(tmp_path, stages("topics.yaml"), [], sources=SEEDS))


def test_every_topic_gets_its_share_and_its_prompt_says_so(tmp_path: Path) -> None:
    seeds(tmp_path)
    recipe = desk(tmp_path, stages(BILLING, 25), [], sources=SEEDS)
    result = run(recipe)
    assert result.error is None
    assert result.summary["topics"] == {"rows": dict.fromkeys(LEAVES, 5), "none": [], "without": 0}
    asked = Counter(
        r["messages"][-1]["content"].rpartition("example about: ")[2].partition(".\n")[0]
        for r in requests(recipe)
    )
    # One request more than is needed may be under way when the last row is there.
    assert asked.keys() == set(LEAVES)
    assert set(asked.values()) <= {5, 6}


def test_what_filters_drop_is_made_up_for(tmp_path: Path) -> None:
    """A corner in which more than every second draft is dropped still gets its share."""
    seeds(tmp_path)
    good = [{"instruction": f"Oil {i} {i + 1} {i + 2} times {i}", "response": f"So {i}."} for i in range(300)]
    bad = [{"instruction": "No", "response": "No."}] * 300
    script = [{"match": "about: Rare", "any": [*bad, *good]}]
    recipe = desk(tmp_path, stages(["Rare", "Usual"], 60, novelty=0.95), script, sources=SEEDS, window=4)
    run(recipe)
    kept = kept_by_topic(recipe)
    dropped = Counter(row["lineage"]["topic"] for row in rows(recipe, status="dropped"))
    assert dropped["Rare"] > 15
    assert abs(kept["Rare"] - kept["Usual"]) <= 4


def test_a_topic_that_gives_nothing_is_not_asked_for_ever() -> None:
    draws, leaves, window = EvenDraws("s", 3), ["barren", "good", "fine"], 3
    drawn = []
    for index in range(300):
        leaf, number = draws.draw(index, leaves)
        assert number == drawn.count(leaf)
        drawn.append(leaf)
        if index >= window - 1 and drawn[index - window + 1] != "barren":
            draws.kept(index - window + 1)
    asked = Counter(drawn)
    assert abs(asked["good"] - asked["fine"]) <= 1
    assert 3.5 < asked["barren"] / asked["good"] <= 4.1


def test_outcomes_within_the_window_change_no_draw() -> None:
    eager, late = EvenDraws("s", 8), EvenDraws("s", 8)
    leaves = numbered(5)
    for index in range(200):
        assert eager.draw(index, leaves) == late.draw(index, leaves)
        if index % 3:
            eager.kept(index)
        if index >= 7 and (index - 7) % 3:
            late.kept(index - 7)


@pytest.mark.parametrize("changes", [(), ("target=31",)])
def test_the_order_of_replies_changes_nothing(desk: Path, tmp_path: Path, changes: tuple[str, ...]) -> None:
    text = desk.read_text().replace("stages:\n", "stages:\n  - topics: {batch_size: 12}\n")
    desk.write_text(text)
    outs = []
    for name, delay in (("still", 0), ("shaken", 0.004)):
        settings = (*changes, "window=8", f"models.writer.delay={delay}", f"models.judge.delay={delay}")
        result = synth.api.run_with_result(desk, tmp_path / name, settings=settings)
        assert result.error is None
        outs.append(result.summary)
    assert outs[0]["topics"] == outs[1]["topics"]
    assert len(outs[0]["topics"]["rows"]) > 4
    assert not changes or outs[0]["accepted"] == outs[1]["accepted"] == 31
    still, shaken = (export(tmp_path / name).folder for name in ("still", "shaken"))
    for file in ("train.jsonl", "test.jsonl", "receipts.jsonl"):
        assert (still / file).read_bytes() == (shaken / file).read_bytes()


def test_a_resumed_run_asks_for_no_topic_again(desk: Path, tmp_path: Path) -> None:
    desk.write_text(desk.read_text().replace("stages:\n", "stages:\n  - topics: {batch_size: 12}\n"))
    out = tmp_path / "out"
    stopped = synth.api.run_with_result(desk, out, settings=["budget.requests=20"])
    assert isinstance(stopped.error, Unfinished)
    resumed = synth.api.run_with_result(desk, out)
    whole = synth.api.run_with_result(desk, tmp_path / "whole")
    assert resumed.summary["total"]["requests"] == whole.summary["requests"]
    assert resumed.summary["topics"] == whole.summary["topics"]


def test_another_topic_leaves_most_draws_as_they_were(desk: Path, tmp_path: Path) -> None:
    def with_topics(count: int) -> str:
        drafting = "{generate: {count: 100, novelty: 0.95}}"
        return f"stages=[{{topics: {{taxonomy: {numbered(count)}}}}}, {drafting}]"

    first = synth.api.run_with_result(desk, tmp_path / "out", settings=[with_topics(10)]).summary
    again = synth.api.run_with_result(desk, tmp_path / "out", settings=[with_topics(11)]).summary
    assert first["requests"] >= 100
    assert again["accepted"] == 100
    # Nothing is dropped: a drop among the last requests cannot be made up for.
    assert 9 <= again["requests"] <= 14
    assert sorted(again["topics"]["rows"].values())[::10] == [9, 10]
    fresh = synth.api.run_with_result(desk, tmp_path / "fresh", settings=[with_topics(11)])
    assert fresh.summary["topics"] == again["topics"]
    files = [export(tmp_path / name).folder / "train.jsonl" for name in ("out", "fresh")]
    assert files[0].read_bytes() == files[1].read_bytes()


def named(*topics: tuple[str, list[str]]) -> Json:
    return {"topics": [{"topic": name, "subtopics": below} for name, below in topics]}


def test_topics_are_drawn_from_the_seeds(tmp_path: Path) -> None:
    seeds(tmp_path, 8)
    replies = named(("Cleaning", ["Daily cleaning", "Chemicals"]), ("Shift times", []))
    script = [{"match": NAMES, "text": replies}]
    recipe = desk(tmp_path, stages(None, 9), script, sources=SEEDS, holdout={"rows": 3})
    result = run(recipe)
    leaves = ["Cleaning / Daily cleaning", "Cleaning / Chemicals", "Shift times"]
    assert result.summary["topics"]["rows"] == dict.fromkeys(leaves, 3)
    assert result.summary["stages"]["topics"] == {"leaves": leaves}
    (asked,) = [r for r in requests(recipe) if NAMES in r["messages"][0]["content"]]
    shown = asked["messages"][1]["content"]
    assert asked["schema"]["properties"]["topics"]["maxItems"] == 12
    held = [row for row in synth.open(recipe) if row["lineage"]["origin"] == "holdout"]
    assert len(held) == 3
    assert shown.count("How do I clean machine") == 5
    assert not any(row["messages"][0]["content"] in shown for row in held)


SORTS = "You sort real requests"


def weighing(weights: str, count: int = 30, **more: object) -> list[Json]:
    taxonomy = ["Refunds", "Oil", "Noise"]
    return [{"topics": {"taxonomy": taxonomy, "weights": weights}}, {"generate": {"count": count, **more}}]


def test_topics_are_filled_as_real_requests_fall_on_them(tmp_path: Path) -> None:
    seeds(tmp_path)
    texts = ["Where is my refund?"] * 1 + [f"Which oil for machine {n}?" for n in range(7)] + ["Why?"]
    lines = [json.dumps({"instruction": text}) for text in texts]
    (tmp_path / "real.jsonl").write_text("\n".join(lines))
    script = [
        {"match": f"{SORTS}.*Request 1: Where is my refund", "text": {"topics": [1]}},
        {"match": f"{SORTS}.*Request 1: Which oil", "text": {"topics": [2]}},
        {"match": SORTS, "text": {"topics": [0]}},
    ]
    stages_ = weighing("real.jsonl", 40)
    stages_[0]["topics"]["batch_size"] = 1
    # Batches of about one request: those with two are unusable in this script, and are counted apart.
    recipe = desk(tmp_path, stages_, script, sources=SEEDS)
    result = run(recipe)
    counted = result.summary["stages"]["topics"]
    assert counted["leaves"] == ["Refunds", "Oil", "Noise"]
    assert sum(counted["requests"].values()) + counted["requests_without"] == 9
    rows_ = result.summary["topics"]["rows"]
    total = sum(count + 1 for count in counted["requests"].values())
    for leaf, count in counted["requests"].items():
        assert abs(rows_[leaf] - 40 * (count + 1) / total) <= 1
    assert rows_["Oil"] > 2 * rows_["Noise"]
    # Another file is another recipe.
    assert run(recipe).summary["requests"] == 0
    (tmp_path / "real.jsonl").write_text(lines[0])
    assert run(recipe).summary["requests"] > 0


def test_the_seeds_can_give_the_weights(tmp_path: Path) -> None:
    seeds(tmp_path, 6)
    script = [{"match": SORTS, "text": {"topics": [2, 2, 2, 2, 1, 0]}}]
    recipe = desk(tmp_path, weighing("seeds"), script, sources=SEEDS)
    result = run(recipe)
    report = result.summary["stages"]["topics"]
    assert report["requests"] == {"Refunds": 1, "Oil": 4, "Noise": 0}
    assert report["requests_without"] == 1
    assert result.summary["topics"]["rows"] == {"Refunds": 8, "Oil": 18, "Noise": 4}
    (asked,) = [r for r in requests(recipe) if SORTS in r["messages"][0]["content"]]
    assert "1. Refunds\n2. Oil\n3. Noise\n" in asked["messages"][0]["content"]
    assert asked["messages"][1]["content"].startswith("Request 1: How do I clean machine")
    assert asked["sampling"] == {"temperature": 0.0}
    assert asked["schema"]["properties"]["topics"]["minItems"] == 6


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"topics": [1]}, "[1] is too short"),
        ({"topics": [1, 2, 3, 4, 1, 1]}, "4 is greater than the maximum of 3"),
        ({"topics": [1, 2, 3, -1, 1, 1]}, "-1 is less than the minimum of 0"),
        ("Refunds, I think.", "no whole JSON object"),
    ],
)
def test_replies_that_assign_nothing_are_told_and_topics_are_even(
    tmp_path: Path, reply: object, words: str
) -> None:
    seeds(tmp_path, 6)
    recipe = desk(tmp_path, weighing("seeds"), [{"match": SORTS, "text": reply}], sources=SEEDS)
    result = run(recipe)
    assert set(result.summary["topics"]["rows"].values()) == {10}
    assert result.summary["stages"]["topics"]["requests_without"] == 6
    notes = synth.open(recipe)._reader.notes["messages"]
    assert any("1 of 1 replies assign no topics, such as: " in line and words in line for line in notes)


def test_a_file_of_requests_that_is_missing_is_refused(tmp_path: Path) -> None:
    seeds(tmp_path)
    with pytest.raises(SourceError, match=r"real\.jsonl"):
        run(desk(tmp_path, weighing("real.jsonl"), [], sources=SEEDS))


def test_a_conversation_is_shown_by_its_users_messages(tmp_path: Path) -> None:
    chat = [
        ("user", "My loom\n stops."),
        ("assistant", "Which lamp is on?"),
        ("user", "Red."),
        ("assistant", "Oil it."),
    ]
    row = {"messages": [{"role": role, "content": text} for role, text in chat]}
    (tmp_path / "seeds.jsonl").write_text(json.dumps(row) + "\n")
    script = [{"match": NAMES, "text": named(("Looms", []))}]
    recipe = desk(tmp_path, stages(None, 1), script, sources=SEEDS)
    assert run(recipe).error is None
    (asked,) = [r for r in requests(recipe) if NAMES in r["messages"][0]["content"]]
    assert asked["messages"][1]["content"].startswith("- My loom stops. Red.\n")
    assert "lamp" not in asked["messages"][1]["content"]


def test_half_of_the_shots_are_near_the_topic(tmp_path: Path) -> None:
    things = ["refund for a card payment", "noise of the engine at night", "delivery of a parcel by post"]
    rows_ = [
        {"instruction": f"What about the {thing}, case {n}?", "response": f"So {n}."}
        for thing in things
        for n in range(20)
    ]
    (tmp_path / "seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows_))
    recipe = desk(tmp_path, stages(["refunds of payments"], 8, shots_from_drafts=0), [], sources=SEEDS)
    assert run(recipe).error is None
    near = [r["messages"][-1]["content"].count("refund for a card") for r in requests(recipe)]
    assert min(near) >= 4
    # The other half is random: two of three are about other things.
    assert sum(near) / len(near) < 6.5
    # They also differ from request to request.
    assert len({r["messages"][-1]["content"] for r in requests(recipe)}) == len(near)


def test_another_seed_asks_one_batch_again(desk: Path, tmp_path: Path) -> None:
    desk.write_text(desk.read_text().replace("stages:\n", "stages:\n  - topics: {batch_size: 10}\n"))
    first = synth.api.run_with_result(desk, tmp_path / "out", settings=["stages.generate.count=5"])
    lines = (tmp_path / "seeds.jsonl").read_text()
    extra = {"instruction": "Is there a discount for a school choir?", "response": "Yes, write to sales."}
    (tmp_path / "seeds.jsonl").write_text(lines + json.dumps(extra) + "\n")
    before = len(requests_in(tmp_path / "out"))
    assert first.error is None
    synth.api.run_with_result(desk, tmp_path / "out", settings=["stages.generate.count=5"])
    new = requests_in(tmp_path / "out")[before:]
    assert sum(NAMES in r["messages"][0]["content"] for r in new) == 1


def requests_in(out: Path) -> list[Json]:
    from synth.store import RunFolder
    from synth.store.journal import read_records

    return [json.loads(record.request) for _, record in read_records(RunFolder(out).journal)]


def test_batches_are_of_about_one_size_and_hold_every_seed_once(tmp_path: Path) -> None:
    seeds(tmp_path, 300)
    given = list(synth.open(_only_seeds(tmp_path)).rows())
    from synth.row import Lineage

    every = [made_row(row["id"], row["messages"], Lineage("seed")) for row in given]
    parts = batches(every, 20, "s")
    assert len(parts) == 16
    assert sorted(row.id for part in parts for row in part) == sorted(row.id for row in every)
    assert max(len(part) for part in parts) <= 40
    fewer = batches(every[1:], 20, "s")
    same = [part for part in parts if part in fewer]
    assert len(same) == 15


def _only_seeds(folder: Path) -> Path:
    recipe = desk_of_seeds(folder)
    run(recipe)
    return recipe


def desk_of_seeds(folder: Path) -> Path:
    return desk(folder, [{"standardise": {}}], [], sources=SEEDS)


def test_near_names_are_one_topic_and_the_most_named_stay() -> None:
    replies = [
        [{"topic": "1. Cleaning", "subtopics": ["Daily cleaning", "Cleaning", "Chemicals."]},
         {"topic": "Noise", "subtopics": []}],
        [{"topic": "Billing and payments", "subtopics": ["Refunds"]},
         {"topic": "The cleaning", "subtopics": ["Chemicals", "Tanks", "This is a whole sentence " * 4]}],
        [{"topic": "Billing", "subtopics": ["Google Calendar", "Outlook Calendar"]}],
    ]  # fmt: skip
    everything = join_taxonomies(replies, 9, 9)
    assert everything == [
        "Cleaning / Daily cleaning", "Cleaning / Chemicals", "Cleaning / Tanks", "Noise",
        "Billing and payments / Refunds", "Billing and payments / Google Calendar",
        "Billing and payments / Outlook Calendar",
    ]  # fmt: skip
    assert join_taxonomies(replies, 2, 1) == ["Cleaning / Chemicals", "Billing and payments / Refunds"]
    assert join_taxonomies(replies, 2, 0) == ["Cleaning", "Billing and payments"]


def test_a_model_that_names_nothing_stops_the_run(tmp_path: Path) -> None:
    seeds(tmp_path)
    script = [{"match": NAMES, "text": "I would rather not."}]
    result = run(desk(tmp_path, stages(None), script, sources=SEEDS))
    assert isinstance(result.error, Unfinished)
    assert "names no topic of the seeds: no whole JSON object: I would rather not" in result.error.message
    refused = run(desk(tmp_path, stages(None), [{"match": NAMES, "error": "too long"}], sources=SEEDS))
    assert isinstance(refused.error, Unfinished)


def test_a_batch_that_names_nothing_is_told(tmp_path: Path) -> None:
    seeds(tmp_path, 6)
    script = [{"match": f"{NAMES}.*machine 0", "error": "no"}, {"match": NAMES, "text": named(("Oil", []))}]
    recipe = desk(tmp_path, stages(None, 3), script, sources=SEEDS)
    result = run(recipe, "stages.topics.batch_size=3")
    assert result.summary["topics"]["rows"] == {"Oil": 3}
    notes = synth.open(recipe)._reader.notes["messages"]
    assert any("replies name no topics, such as: no" in line for line in notes)


def test_what_it_cannot_do_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    seeds(tmp_path)
    with pytest.raises(RecipeError, match="no stage behind 'topics' fills its topics"):
        run(desk(tmp_path, [{"generate": {"count": 2}}, {"topics": {"taxonomy": ["a"]}}], [], sources=SEEDS))
    (tmp_path / "own.md").write_text(
        "---\nname: own\nversion: 1\ninputs: [examples]\nsource: mine\n---\n{{ examples }}\n"
    )
    with pytest.raises(PromptError, match="does not take `topic`"):
        run(desk(tmp_path, stages(["a"], prompt="own.md"), [], sources=SEEDS))
    (tmp_path / "names.md").write_text(
        "---\nname: names\nversion: 1\ninputs: [requests]\nsource: mine\n---\n{{ requests }}\n"
    )
    with pytest.raises(PromptError, match="a list of objects with a `topic`"):
        run(desk(tmp_path, [{"topics": {"prompt": "names.md"}}, {"generate": {}}], [], sources=SEEDS))
    (tmp_path / "prompts.jsonl").write_text('{"instruction": "Why?"}\n')
    only_prompts = [*stages(None), {"respond": {}}]
    with pytest.raises(InputError, match=r"sources\.seeds"):
        run(desk(tmp_path, only_prompts, [], sources={"prompts": "prompts.jsonl"}))


def test_show_counts_rows_on_each_topic_and_names_those_without(tmp_path: Path) -> None:
    seeds(tmp_path, 3)
    script = [{"match": "about: Barren", "text": {"instruction": "No", "response": "No."}}]
    changes = [*stages(["Barren", "Good"], 6), {"paraphrase": {"from": ["generate"], "ask_judge": False}}]
    recipe = desk(tmp_path, changes, script, sources=SEEDS)
    result = run(recipe)
    covered = result.summary["topics"]
    assert covered["none"] == ["Barren"]
    assert covered["rows"]["Barren"] == 0
    # Wordings of a row are on its topic.
    assert covered["rows"]["Good"] == result.summary["accepted"]
    shown = CliRunner().invoke(app, ["show", str(recipe)]).stdout
    assert "topics: 1 of 2 have drafts" in shown
    assert "-  Barren" in shown


def test_makers_before_it_have_no_topic(tmp_path: Path) -> None:
    seeds(tmp_path)
    changes = [{"generate": {"as": "free", "count": 4}}, *stages(["a"], 2)]
    recipe = desk(tmp_path, changes, [], sources=SEEDS)
    assert run(recipe).summary["topics"] == {"rows": {"a": 2}, "none": [], "without": 4}
