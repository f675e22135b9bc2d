"""Splits are stable when rows are added, and no row leaks into both, for any lineage."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from export_runs import chat, draft, drafts, held_out, make_run, read_all, read_lines, seed
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.conversation import Conversation
from synth.exports import export_run
from synth.exports.splits import Origins
from synth.row import Row
from synth.stable_hash import fraction
from synth.text.similarity.embedding import embed
from synth.text.similarity.near_duplicates import NearDuplicateIndex


def sides(rows: list[Row], share: float = 0.5) -> dict[str, str]:
    """The split of every exported row, by id."""
    with TemporaryDirectory() as folder:
        export = {"split": {"train": 1 - share, "test": share}}
        result = export_run(make_run(Path(folder) / "run", rows, export=export))
        return {r["id"]: r["split"] for r in read_lines(result.folder / "receipts.jsonl")}


def test_the_share_is_that_of_the_drafts() -> None:
    split = list(sides(drafts(2000), share=0.1).values())
    assert 160 < split.count("test") < 240


def test_with_a_holdout_nothing_else_is_test() -> None:
    kept = held_out(chat("Hello?", "Hello!"))
    split = sides([kept, *drafts(100)])
    assert [row_id for row_id, side in split.items() if side == "test"] == [kept.id]


def test_what_is_made_from_one_text_stays_together() -> None:
    rows = [
        draft(chat(f"{origin} {n} {fraction(origin, n)}", f"{origin}:{n}"), [f"passage-{origin}"])
        for origin in range(40)
        for n in range(3)
    ]
    split = sides(rows)
    assert len(split) == len(rows)
    for start in range(0, len(rows), 3):
        assert len({split[row.id] for row in rows[start : start + 3]}) == 1
    assert set(split.values()) == {"train", "test"}


def test_grandchildren_follow_and_dropped_parents_still_bind() -> None:
    parent = drafts(1)[0]
    parent = parent.dropped("score", "low")
    child = draft(chat("a child of it, quite different", "1"), [parent.id])
    grandchild = draft(chat("something nobody else would ask", "2"), [child.id])
    origins = Origins([(row.id, row.lineage) for row in (parent, child, grandchild)], 0.5)
    assert origins.roots(grandchild.id) == {parent.id}
    assert origins.split(grandchild.id) == origins.split(child.id) == origins.split(parent.id)


def test_what_people_gave_and_its_paraphrases_train() -> None:
    given_rows = [seed(row.conversation.messages) for row in drafts(30)]
    made = [
        draft(chat(f"other {fraction('split', r.id)} words {fraction(r.id, 'b')}", "x"), [r.id])
        for r in given_rows
    ]
    split = sides([*given_rows, *made, *drafts(30, start=500)])
    assert {split[row.id] for row in given_rows} == {"train"}
    assert {split[row.id] for row in made} == {"train"}
    assert "test" in split.values()


def test_a_row_made_from_both_sides_is_withheld(tmp_path: Path) -> None:
    rows = drafts(20)
    origins = Origins([(row.id, row.lineage) for row in rows], 0.5)
    train = next(row for row in rows if origins.split(row.id) == "train")
    test = next(row for row in rows if origins.split(row.id) == "test")
    both = draft(chat("a mixture of the two of them", "both"), [train.id, test.id])
    run = make_run(tmp_path / "run", [*rows, both], export={"split": {"train": 0.5, "test": 0.5}})
    result = export_run(run)
    assert result.withheld == {"joins_splits": 1}
    assert both.id not in {r["id"] for r in read_lines(result.folder / "receipts.jsonl")}


def test_near_copies_of_the_holdout_give_way_seeds_too(tmp_path: Path) -> None:
    asked = "Please tell me how I can cancel my booking for next Tuesday afternoon at the studio"
    kept = held_out(chat(asked, "Like this."))
    near = seed(chat(asked.replace("afternoon", "afternoons"), "Like that."))
    clustered = draft(chat("worded differently altogether", "x"), cluster=kept.id)
    child = draft(chat("made from a held-out row", "y"), [kept.id])
    other = draft(chat("What does the Team plan cost?", "Less than you think."))
    result = export_run(make_run(tmp_path / "run", [kept, near, clustered, child, other]))
    assert result.withheld == {"joins_splits": 3}
    assert [r["id"] for r in read_lines(result.folder / "receipts.jsonl")] == [kept.id, other.id]
    assert "joins_splits | 3" in (result.folder / "README.md").read_text()


WORDS = ["cancel", "move", "booking", "invoice", "today", "refund", "calendar", "team", "price", "sms"]


@st.composite
def crowded_rows(draw: st.DrawFn) -> list[Row]:
    """Rows of few words, so that many are near-copies, with parents among those before them."""
    rows: dict[str, Row] = {}
    for number in range(draw(st.integers(2, 25))):
        words = " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=3, max_size=8)))
        maker = draw(st.sampled_from(["seed", "draft", "draft", "draft", "holdout"]))
        if maker == "draft":
            known = [*rows, "passage-1", "passage-2"]
            parents = draw(st.lists(st.sampled_from(known), max_size=2, unique=True))
            row = draft(chat(words, f"answer {number}"), parents)
        else:
            row = {"seed": seed, "holdout": held_out}[maker](chat(words, f"answer {number}"))
        rows[row.id] = row
    return list(rows.values())


@given(crowded_rows(), st.randoms())
@settings(max_examples=25, deadline=None)
def test_adding_rows_moves_none_and_never_leaks(rows: list[Row], chance: random.Random) -> None:
    holdout = [row for row in rows if row.held_out]
    always = seed(chat("A question that resembles no other one here?", "Yes."))
    others = [always, *(row for row in rows if not row.held_out)]
    some = _with_ancestors([row for row in others if row is always or chance.random() < 0.6], others)
    before, after = sides([*holdout, *some]), sides([*holdout, *others])
    both = before.keys() & after.keys()
    assert {row_id: before[row_id] for row_id in both} == {row_id: after[row_id] for row_id in both}
    _assert_no_leak([*holdout, *others], after)


@given(crowded_rows(), st.sampled_from(["trl-sft", "alpaca", "parquet"]), st.floats(1, 5))
@settings(max_examples=15, deadline=None)
def test_one_run_gives_one_export(rows: list[Row], form: str, temperature: float) -> None:
    always = seed(chat("A question that resembles no other one here?", "Yes."))
    export = {"balance": {"by": "stage", "temperature": temperature}}
    with TemporaryDirectory() as folder:
        first, again = (
            export_run(make_run(Path(folder) / name / "run", [always, *rows], export=export), format=form)
            for name in ("first", "again")
        )
        assert read_all(first.folder) == read_all(again.folder)


def _with_ancestors(chosen: list[Row], rows: list[Row]) -> list[Row]:
    """`chosen` and what they were made from: a run holds no row without its parents."""
    by_id = {row.id: row for row in rows}
    waiting = [row.id for row in chosen]
    kept: set[str] = set()
    while waiting:
        current = waiting.pop()
        if current in by_id and current not in kept:
            kept.add(current)
            waiting.extend(by_id[current].lineage.parents)
    return [row for row in rows if row.id in kept]


def _assert_no_leak(rows: list[Row], split: dict[str, str]) -> None:
    by_id = {row.id: row for row in rows}
    origins = Origins([(row.id, row.lineage) for row in rows], 0.5)
    test = [by_id[row_id] for row_id, side in split.items() if side == "test"]
    train = [by_id[row_id] for row_id, side in split.items() if side == "train"]
    texts_of_test = {root for row in test for root in origins.roots(row.id)}
    index = NearDuplicateIndex()
    for row in test:
        index.add(row.conversation.prompt_text)
    for row in train:
        assert origins.roots(row.id).isdisjoint(texts_of_test)
        assert index.seen(row.conversation.prompt_text) is None


def test_each_kind_of_row_has_its_share_and_the_card_says_how_it_came_out(tmp_path: Path) -> None:
    topics = ("billing", "calendar", "login")
    rows = [replace(row, labels={"topic": topics[n % 3]}) for n, row in enumerate(drafts(900))]
    run = make_run(tmp_path / "run", rows, export={"split": {"train": 0.8, "test": 0.2}})
    result = export_run(run)
    receipts = read_lines(result.folder / "receipts.jsonl")
    card = (result.folder / "README.md").read_text()
    for topic in ("billing", "calendar", "login"):
        split = [r["split"] for r in receipts if r["labels"]["topic"] == topic]
        assert 35 <= split.count("test") <= 85  # of 300 at 0.2: 60, give or take 3.6 deviations
        assert f"| label:topic | {topic} | {split.count('train')} | {split.count('test')} |" in card


def test_a_kind_that_is_only_trained_on_is_named(tmp_path: Path) -> None:
    rows = [replace(row, labels={"topic": "billing"}) for row in drafts(40)]
    run = make_run(tmp_path / "run", [held_out(chat("Hello?", "Hello!")), *rows])
    assert "test has no row of label:topic 'billing', and train has 40." in export_run(run).warnings


REWORDED = [
    ("How do I cancel my booking for tomorrow?", "How can I cancel the booking I have for tomorrow?"),
    ("What does the premium plan cost per month?", "How much is the premium plan each month?"),
    ("I forgot my password and cannot log in", "I cannot log in because I forgot my password"),
    ("Where do I change my invoice address?", "Where can I change the address on my invoice?"),
]


@given(st.permutations(range(len(REWORDED))), st.integers(0, 2**4 - 1), st.floats(0.6, 0.95))
@settings(max_examples=15, deadline=None)
def test_no_meaning_stands_on_both_sides(order: list[int], held: int, threshold: float) -> None:
    rows: list[Row] = [seed(chat("A question that resembles no other one here?", "Yes."))]
    for place in order:
        first, second = REWORDED[place]
        rows += [(held_out if held >> place & 1 else seed)(chat(first, "x")), draft(chat(second, "y"))]
    with TemporaryDirectory() as folder:
        export = {"split": {"train": 0.5, "test": 0.5, "meaning": threshold}}
        result = export_run(make_run(Path(folder) / "run", rows, export=export))
        receipts = read_lines(result.folder / "receipts.jsonl")
    train, test = (
        [Conversation(r["messages"]).prompt_text for r in receipts if r["split"] == side]
        for side in ("train", "test")
    )
    if train and test:
        assert (embed(train) @ embed(test).T).max() < threshold + 1e-6
    assert sum(result.files.values()) + result.withheld.get("joins_splits", 0) == len(rows)


def test_rewordings_leave_train_only_where_it_is_asked_for(tmp_path: Path) -> None:
    first, second = REWORDED[0]
    rows = [held_out(chat(first, "x")), draft(chat(second, "y")), *drafts(3)]
    assert export_run(make_run(tmp_path / "a", rows)).withheld == {}
    export = {"split": {"train": 0.9, "test": 0.1, "meaning": 0.75}}
    assert export_run(make_run(tmp_path / "b", rows, export=export)).withheld == {"joins_splits": 1}
