"""The order of a run with several makers: the same for all reply times, and nothing waits without need."""

from __future__ import annotations

import random

import pytest
from simulation import Copied, Made, Note, Sleep, carry, simulate


def stages_of(seed: int, wanted: int | None = None) -> tuple[list, Note]:
    chance = random.Random(seed)
    note = Note()
    return [
        Made("a", 20, chance),
        Sleep(chance),
        Copied("p", 2, wanted, chance),
        Copied("q", 1, None, chance),
        Sleep(chance),
        note,
    ], note


@pytest.mark.parametrize("window", [1, 4, 1000])
@pytest.mark.parametrize("wanted", [None, 9])
def test_the_order_does_not_depend_on_time(window: int, wanted: int | None) -> None:
    orders = []
    for seed in range(40):
        stages, note = stages_of(seed, wanted)
        orders.append((simulate(carry(stages, 10, window))[0], note.seen))
    assert all(order == orders[0] for order in orders)
    born = orders[0][0]
    assert len(born) == len(set(born))


def test_every_row_kept_before_is_drawn_on_as_often_as_it_is_worth() -> None:
    stages, _ = stages_of(1)
    born = set(simulate(carry(stages, 10, 4))[0])
    first = {f"seed{i}" for i in range(10)} | {f"a{i}" for i in range(25) if i % 5 != 4}
    passed = {name for name in first if not name.endswith("7")}
    p = {f"{name}/p{nth}" for name in passed for nth in range(2)}
    q = {f"{name}/q0" for name in passed | p}
    assert born == first | p | q


def test_a_count_ends_it_and_drafts_stand_in_proportion() -> None:
    chance = random.Random(3)
    stages = [Made("a", 40, chance), Copied("p", 5, 20, chance)]
    born = simulate(carry(stages, 8, 8))[0]
    assert sum("/p" in name for name in born) == 20
    assert sum(name.startswith("a") and "/" not in name for name in born) == 40
    middle = born[8 : 8 + 30]
    assert sum("/p" in name for name in middle) == 10


def test_with_a_target_a_maker_goes_over_its_rows_again() -> None:
    born = simulate(carry([Copied("p", 2, None, random.Random(1))], 3, 4, target=15))[0]
    assert born[3:9] == [f"seed{i}/p{n}" for i in range(3) for n in range(2)]
    assert born[9:15] == [f"seed{i}/p{n}" for i in range(3) for n in (2, 3)]
    assert born[15:18] == ["seed0/p4", "seed0/p5", "seed1/p4"]


def test_nothing_to_draw_on_ends_the_run() -> None:
    stages = [Copied("p", 2, None, random.Random(1)), Copied("q", 1, None, random.Random(1))]
    assert simulate(carry(stages, 0, 4, target=5))[0] == []


def test_a_straggler_holds_back_a_window_and_no_more() -> None:
    """One seed comes to the maker after an hour: all others' rows are born and end long before."""
    chance = random.Random(5)
    note = Note()
    sleep = Sleep(chance, slow={"seed3": 3600})
    stages = [sleep, note, Made("a", 200, chance), Copied("p", 1, None, chance)]
    stages.remove(note)
    stages.append(note)
    born, seconds = simulate(carry(stages, 10, 32))
    assert 3600 < seconds < 3700
    assert "seed3/p0" in born
    assert len(born) == 10 + 200 + 9 + 200


def test_a_maker_keeps_its_window_full() -> None:
    """400 requests take a second each on average. Twenty at once would take 20 seconds in any order.

    The window moves when its oldest request is answered: times that differ this much cost a factor of three.
    """
    stages = [Made("a", 320, random.Random(2))]  # a fifth of 400 is dropped
    _, seconds = simulate(carry(stages, 0, 20))
    assert 20 <= seconds <= 70
    _, alone = simulate(carry([Made("a", 320, random.Random(2))], 0, 1))
    assert 360 <= alone <= 440


@pytest.mark.parametrize("ordered", [True, False])
def test_only_an_ordered_stage_waits_for_a_straggler(ordered: bool) -> None:
    chance = random.Random(7)
    note = Note()
    slow = Sleep(chance, slow={"seed10": 3600})
    stages = [slow, note, Sleep(chance)] if ordered else [Sleep(chance), note, slow]
    _, seconds = simulate(carry(stages, 50, 8))
    assert seconds > 3600
    early = [name for name, time in zip(note.seen, note.times, strict=True) if time < 60]
    assert early == note.seen[: 9 if ordered else len(note.seen)]  # seed7 is dropped
