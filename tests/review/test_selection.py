"""The selection of rows for review: an unbiased share, useful other shares, always the same rows."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from synth.recipe.model import Recipe, ReviewOptions, StageSpec
from synth.review.selection import Judging, judging_of, select
from synth.row import Lineage, Row
from synth.stages.registry import STAGES
from tests.made_row import made_row

BAR = Judging({"quality": 4.0}, [["quality"]])


def made(number: int, score: float | None = None, **more: Any) -> Row:
    messages = [{"role": "user", "content": f"{number}?"}, {"role": "assistant", "content": f"{number}."}]
    scores = {} if score is None else {"quality": score}
    lineage = Lineage("seed", stage="generate")
    return made_row(f"{number:016x}", messages, lineage, **{"status": "kept", "scores": scores, **more})


def options(**more: Any) -> ReviewOptions:
    return ReviewOptions(**{"rows": 50, **more})


def judged(count: int) -> list[Row]:
    """A judge who is noisy around the truth: wrong drafts are marked lower, but not always."""
    noise = random.Random(7)
    rows = []
    while len(rows) < count:
        number = len(rows)
        wrong = noise.random() < 0.25
        score = min(max(noise.gauss(3.9 if wrong else 4.6, 0.4), 1.0), 5.0)
        row = made(number, round(score, 4), labels={"wrong": wrong})
        if score < 4.0:
            row = row.dropped("score", "low_score")
        rows.append(row)
    return rows


def test_the_uncertain_share_finds_twice_as_many_wrong_rows_as_chance() -> None:
    rows = judged(2000)
    wrong = {row.id: row.labels["wrong"] for row in rows}
    given = rows
    mix = options(rows=200, sample={"uncertain": 0.5, "random": 0.5})
    found: dict[str, list[bool]] = {"random": [], "uncertain": []}
    for seed in range(10):  # one random sample of a hundred says little
        for each in select(given, mix, BAR, seed):
            found[each.share].append(wrong[each.row])
    rate = {share: sum(hits) / len(hits) for share, hits in found.items()}
    assert rate["random"] > 0
    assert rate["uncertain"] >= 2 * rate["random"]


def test_the_random_share_is_a_fair_sample_of_what_was_kept() -> None:
    rows = judged(2000)
    wrong = {row.id: row.labels["wrong"] for row in rows}
    kept = [row for row in rows if row.status == "kept"]
    truth = sum(wrong[row.id] for row in kept) / len(kept)
    shares = []
    for seed in range(20):
        picked = select(rows, options(rows=300), BAR, seed)
        fair = [wrong[each.row] for each in picked if each.share == "random"]
        shares.append(sum(fair) / len(fair))
    assert sum(shares) / len(shares) == pytest.approx(truth, abs=0.02)


def test_shares_are_as_the_recipe_says() -> None:
    picked = select(judged(2000), options(rows=100), BAR, seed=1)
    assert Counter(each.share for each in picked) == {"uncertain": 50, "random": 30, "dropped": 20}


def test_there_is_always_a_random_share() -> None:
    picked = select(judged(500), options(rows=110, sample={"uncertain": 1}), BAR, seed=1)
    assert Counter(each.share for each in picked) == {"uncertain": 100, "random": 10}


def test_it_depends_on_nothing_but_rows_and_seed() -> None:
    rows = judged(500)
    first = select(rows, options(), BAR, seed=1)
    assert select(list(reversed(rows)), options(), BAR, seed=1) == first
    assert select(rows, options(), BAR, seed=2) != first


def test_a_larger_review_holds_the_random_rows_of_the_smaller_one() -> None:
    rows = judged(500)
    small, large = (
        {p.row for p in select(rows, options(rows=n), BAR, seed=1) if p.share == "random"} for n in (40, 80)
    )
    assert small < large


def test_seeds_held_out_rows_failures_and_copies_are_never_asked_about() -> None:
    copy, near, failed = made(1, 2.0), made(2, 2.0), made(3)
    copy = copy.dropped("dedupe", "near_copy")
    near = near.dropped("dedupe", "near_holdout")
    failed = failed.failed("score", "refused")
    empty = made(4)
    empty = empty.with_messages(empty.conversation.messages[:1])
    seed = replace(made(5), lineage=Lineage("seed"))
    held = replace(made(6), lineage=Lineage("holdout"))
    low = made(7, 2.0)
    low = low.dropped("score", "low_score")
    rows = [copy, near, failed, empty, seed, held, low, made(8, 4.5)]
    stages = [
        StageSpec(kind=kind, name=kind, options=STAGES.find(kind).options()) for kind in ("dedupe", "score")
    ]
    judging = judging_of(Recipe(name="r", models={"writer": {"provider": "fake"}}, stages=stages))
    picked = select(rows, options(rows="all"), judging, seed=1)
    assert {each.row for each in picked} == {low.id, rows[-1].id}


def test_diverse_rows_come_from_different_clusters() -> None:
    rows = [made(n, cluster=f"cluster {n % 20}") for n in range(400)]
    picked = select(
        rows, options(rows=30, sample={"diverse": 1.0, "random": 0.5}),
        Judging({}, []), seed=1,
    )  # fmt: skip
    clusters = [int(each.row, 16) % 20 for each in picked if each.share == "diverse"]
    assert len(clusters) == len(set(clusters))
    assert len(clusters) > 15


def test_a_row_that_reaches_the_bar_by_a_hair_is_uncertain() -> None:
    """All have the mean 4: what counts is the probability of the bar."""

    def row(number: int, chance: float) -> Row:
        levels = {"3": 1 - chance, "4": 2 * chance - 1, "5": 1 - chance}
        details = {"key": "quality", "score": 4.0, "levels": levels, "chance": chance}
        return made(number, 4.0).with_event("score", "logprobs", **details)

    rows = [row(n, chance) for n, chance in enumerate([0.99, 0.6, 0.97, 0.52, 0.95, 0.98, 0.96, 0.94])]
    picked = select(rows, options(rows=2, sample={"uncertain": 1, "random": 0}), BAR, seed=1)
    assert rows[3].id in {each.row for each in picked if each.share == "uncertain"}
    picked = select(rows, options(rows=4, sample={"uncertain": 1, "random": 0}), BAR, seed=2)
    assert {rows[1].id, rows[3].id} <= {each.row for each in picked}


def test_close_candidates_and_judges_who_differ_are_uncertain() -> None:
    far = made(1, candidates=[{"content": "a", "score": 5.0}, {"content": "b", "score": 1.0}])
    close = made(2, candidates=[{"content": "a", "score": 4.1}, {"content": "b", "score": 4.0}])
    agree = replace(made(3), scores={"one": 4.0, "two": 4.0})
    differ = replace(made(4), scores={"one": 5.0, "two": 1.0})
    picked = select(
        [far, close, agree, differ, *(made(n) for n in range(10, 40))],
        options(rows=5, sample={"uncertain": 0.4, "random": 0.6}),
        Judging({}, [["one", "two"]]),
        seed=1,
    )
    uncertain = {each.row for each in picked if each.share == "uncertain"}
    random_too = {each.row for each in picked if each.share == "random"}
    assert uncertain | random_too >= {close.id, differ.id}
    assert far.id not in uncertain
    assert agree.id not in uncertain


def test_so_many_rows_are_read_by_several() -> None:
    picked = select(judged(500), options(rows=100, annotators=3, overlap=0.2), BAR, seed=1)
    assert Counter(each.needed for each in picked) == {1: 80, 3: 20}
    assert {each.share for each in picked if each.needed == 3} == {"uncertain", "random", "dropped"}
    alone = select(judged(500), options(rows=100, annotators=1, overlap=0.2), BAR, seed=1)
    assert {each.needed for each in alone} == {1}


def test_all_holds_no_dropped_rows_where_none_are_wanted() -> None:
    rows = judged(300)
    picked = select(rows, options(rows="all", sample={"uncertain": 1}), BAR, seed=1)
    assert {each.row for each in picked} == {row.id for row in rows if row.status == "kept"}


def test_all_means_all() -> None:
    rows = judged(300)
    picked = select(rows, options(rows="all"), BAR, seed=1)
    assert {each.row for each in picked} == {row.id for row in rows}
    assert {each.share for each in picked if each.row in {r.id for r in rows if r.status != "kept"}} == {
        "dropped"
    }
