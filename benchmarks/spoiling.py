"""Plants typical defects in drafts and records them, for `spoilt_data.py`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

DESKS = ("bike", "dock", "money", "account", "lost")
TIMES = ("today", "later")


@dataclass(frozen=True, slots=True)
class Draft:
    """A message with its answer, and the defect that was planted in it, if any."""

    message: str
    answer: str
    defect: str | None = None


def is_label(answer: str) -> bool:
    """Whether it is a label: a desk, a slash, a time."""
    desk, stroke, time = answer.partition("/")
    return bool(stroke) and desk in DESKS and time in TIMES


def other_label(answer: str, chance: random.Random, *, part: str | None = None) -> str:
    """A wrong label, with another desk or the other time (`part` says which; by default one of the two)."""
    desk, _, time = answer.partition("/")
    if (part or chance.choice(("desk", "time"))) == "desk":
        desk = chance.choice([other for other in DESKS if other != desk])
    else:
        time = TIMES[1 - TIMES.index(time)]
    return f"{desk}/{time}"


def _wrong_label(draft: Draft, chance: random.Random) -> Draft:
    return Draft(draft.message, other_label(draft.answer, chance), "wrong label")


def _format(draft: Draft, chance: random.Random) -> Draft:
    desk, _, time = draft.answer.partition("/")
    forms = (
        f"Desk: {desk}, time: {time}",
        f'{{"desk": "{desk}", "time": "{time}"}}',
        f"{desk.capitalize()} - {time}",
        f"{time}/{desk}",
        f"{draft.answer.upper()}",
        f"This goes to {desk}, and it is for {time}.",
    )
    return Draft(draft.message, chance.choice(forms), "format")


def _white_space(draft: Draft, chance: random.Random) -> Draft:
    answers = (f"  {draft.answer}", f"{draft.answer}\n\n", f"\n{draft.answer} ", f"{draft.answer}\t\u00a0")
    message = draft.message.replace(" ", "  ", 3) if chance.random() < 0.5 else f"{draft.message} \n"
    return Draft(message, chance.choice(answers), "white space")


def _truncation(draft: Draft, chance: random.Random) -> Draft:
    return Draft(draft.message, draft.answer[: chance.randrange(2, len(draft.answer) - 2)], "truncation")


def _near_copy(original: Draft, chance: random.Random) -> Draft:
    """The same message with a small change, which no comparison of bytes finds."""
    message = original.message
    ways: tuple[Callable[[str], str], ...] = (
        lambda text: text.rstrip(".?!") + "!!",
        lambda text: text.swapcase()[:1] + text[1:] + " ",
        lambda text: f"{text} Thanks",
        lambda text: _swapped_letters(text, chance),
    )
    return Draft(chance.choice(ways)(message), original.answer, "duplicate")


def _swapped_letters(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    place = max(range(len(words)), key=lambda i: len(words[i]))
    word = words[place]
    at = chance.randrange(1, len(word) - 2)
    words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


_WAYS = {
    "wrong label": _wrong_label,
    "format": _format,
    "white space": _white_space,
    "truncation": _truncation,
}
DEFECTS = ("duplicate", *_WAYS)


def spoil(drafts: Sequence[Draft], count: int, seed: int) -> list[Draft]:
    """The drafts in the same order, `count` of them spoilt, each defect equally often.

    A duplicate replaces another row, so the information of that row is lost.
    """
    chance = random.Random(seed)
    places = chance.sample(range(len(drafts)), count)
    spared = [place for place in range(len(drafts)) if place not in set(places)]
    copied = iter(chance.sample(spared, count // len(DEFECTS) + 1))
    spoilt = list(drafts)
    for number, place in enumerate(places):
        defect = DEFECTS[number % len(DEFECTS)]
        if defect == "duplicate":
            spoilt[place] = _near_copy(drafts[next(copied)], chance)
        else:
            spoilt[place] = _WAYS[defect](drafts[place], chance)
    return spoilt


def judge_rows(trusted: Sequence[Draft], seed: int) -> list[tuple[str, str, str]]:
    """Training data for a judge: (message, answer, score).

    Each trusted row is there twice with its label, and twice with a wrong one. Nothing comes from the drafts
    that it will judge. Wrong labels are the only defect in it.
    """
    chance = random.Random(seed)
    rows = []
    for row in trusted:
        rows += [(row.message, row.answer, "5")] * 2
        rows += [(row.message, other_label(row.answer, chance, part=part), "1") for part in ("desk", "time")]
    chance.shuffle(rows)
    return rows
