"""Statistics of a review: agreement by question, pair and day, disputed rows, time, and estimates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import combinations, pairwise
from statistics import median

from synth.llm.base import Json
from synth.review.aggregate import Decision
from synth.review.agreement import Level, cohen, fleiss, krippendorff, pairs_of, percent
from synth.review.answers import plain
from synth.store import Answer, Decisions

VERDICT = "verdict"
"""An extra question next to the task's own: whether to keep the row."""

# Seconds; a longer gap between two answers counts as a break.
_BREAK_SECONDS = 15 * 60

_DISPUTED = 10

Ratings = dict[str, dict[str, Hashable]]


def agreement(decisions: Decisions) -> Json:
    """Agreement by question, and the rows that people disagree on most."""
    answers = _counted(decisions)
    questions = {}
    disputes: Counter[str] = Counter()
    for name, kind in {VERDICT: "label", **_questions(decisions)}.items():
        ratings = _ratings(answers, name, kind)
        if any(len(by) > 1 for by in ratings.values()):
            questions[name] = _question(ratings, kind, answers)
            disputes.update(_disputes(ratings, kind))
    worst = sorted(((share, row) for row, share in disputes.items() if share), key=lambda d: (-d[0], d[1]))
    return {
        "questions": questions,
        "disputed": [{"row": row, "disagreement": round(share, 3)} for share, row in worst[:_DISPUTED]],
    }


def times(decisions: Decisions) -> dict[str, Json]:
    """For each annotator: answers, median seconds from one to the next, and hours at work without breaks.

    Argilla stores when an answer was saved, not when reading began. Files store no times.
    """
    moments: dict[str, list[float]] = {}
    counts: Counter[str] = Counter()
    for answer in decisions.answers.values():
        if answer.status != "draft":
            counts[answer.by] += 1
            if answer.began is not None:
                moments.setdefault(answer.by, []).append(datetime.fromisoformat(answer.at).timestamp())
    report: dict[str, Json] = {}
    for name in sorted(counts):
        saved = sorted(moments.get(name, []))
        gaps = [b - a for a, b in pairwise(saved) if b - a <= _BREAK_SECONDS]
        report[name] = {
            "answers": counts[name],
            "median_seconds": round(median(gaps), 1) if gaps else None,
            "hours": round(sum(gaps) / 3600, 3),
        }
    return report


def estimates(decisions: Iterable[Decision]) -> Json:
    """Estimates about all rows, from the random sample, with Wilson's 95% intervals.

    `wrong`: kept drafts that people edited or rejected. `false_rejections`: dropped rows that people
    restored.
    """
    done = [decision for decision in decisions if decision.keeps is not None]
    at_random = [d.status in ("edited", "rejected") for d in done if d.shown.share == "random"]
    dropped = [d.status == "restored" for d in done if d.shown.share == "dropped"]
    shares = Counter(d.shown.share for d in done)
    wrong = Counter(d.shown.share for d in done if d.status in ("edited", "rejected"))
    return {
        "wrong": _share(at_random),
        "false_rejections": _share(dropped),
        "wrong_by_share": {name: {"rows": shares[name], "wrong": wrong[name]} for name in sorted(shares)},
    }


def _counted(decisions: Decisions) -> list[Answer]:
    """The latest answer of each person to each row, without adjudicators' answers."""
    latest: dict[tuple[str, str], Answer] = {}
    for answer in sorted(decisions.answers.values(), key=lambda a: a.at):
        if answer.status != "draft" and not decisions.targets[answer.target].adjudicates:
            latest[(answer.row, answer.by)] = answer
    return list(latest.values())


def _questions(decisions: Decisions) -> dict[str, str]:
    """Every question that was asked, and its type."""
    return {
        question["name"]: question["type"]
        for target in decisions.targets.values()
        for question in target.task["questions"]
    }


def _ratings(answers: Iterable[Answer], question: str, kind: str) -> Ratings:
    ratings: Ratings = {}
    for answer in answers:
        value = answer.status if question == VERDICT else _comparable(answer.values.get(question), kind)
        if value is not None:
            ratings.setdefault(answer.row, {})[answer.by] = value
    return ratings


def _comparable(value: object, kind: str) -> Hashable:
    if kind == "text":
        return plain(value) if isinstance(value, str) else None
    if kind == "multi_label":
        return tuple(sorted(value)) if isinstance(value, list) else None
    if kind == "ranking":
        if not isinstance(value, list):
            return None
        return tuple(item["value"] for item in sorted(value, key=lambda item: item.get("rank") or 0))
    return value if isinstance(value, str | int) else None


def _question(ratings: Ratings, kind: str, answers: Sequence[Answer]) -> Json:
    shared = {row: by for row, by in ratings.items() if len(by) > 1}
    units = [list(by.values()) for by in shared.values()]
    report: Json = {"rows": len(shared), "percent": _rounded(percent(units))}
    level: Level = "ordinal" if kind == "rating" else "nominal"
    if kind in ("rating", "label"):
        alpha = krippendorff(units, level)
        report["alpha"] = {
            "value": _rounded(alpha.value),
            "low": _rounded(alpha.low),
            "high": _rounded(alpha.high),
            "level": level,
        }
    readers = {name for by in shared.values() for name in by}
    pairs = pairs_of(shared)
    if len(readers) == 2 and kind in ("rating", "label"):
        report["cohen"] = _rounded(cohen(next(iter(pairs.values())), level))
    elif kind == "label":
        report["fleiss"] = _rounded(fleiss(units))
    report["pairs"] = [
        {
            "between": list(names),
            "rows": len(both),
            "percent": _rounded(percent(both)),
            **({"cohen": _rounded(cohen(both, level))} if kind in ("rating", "label") else {}),
        }
        for names, both in sorted(pairs.items())
    ]
    report["by_day"] = _by_day(shared, answers)
    return report


def _by_day(shared: Ratings, answers: Iterable[Answer]) -> list[Json]:
    """Percent by the day on which a row got its last answer."""
    days: dict[str, str] = {}
    for answer in answers:
        days[answer.row] = max(days.get(answer.row, ""), answer.at[:10])
    by_day: dict[str, list[list[Hashable]]] = {}
    for row, by in shared.items():
        by_day.setdefault(days[row], []).append(list(by.values()))
    return [
        {"day": day, "rows": len(units), "percent": _rounded(percent(units))}
        for day, units in sorted(by_day.items())
    ]


def _disputes(ratings: Ratings, kind: str) -> dict[str, float]:
    """From 0 to 1 for each row: the mean distance between two readers."""
    numbers = [v for by in ratings.values() for v in by.values() if isinstance(v, int)]
    width = (max(numbers) - min(numbers) or 1) if numbers and kind == "rating" else 1
    found = {}
    for row, by in ratings.items():
        distances = [
            abs(a - b) / width if isinstance(a, int) and isinstance(b, int) else float(a != b)
            for a, b in combinations(by.values(), 2)
        ]
        if distances:
            found[row] = sum(distances) / len(distances)
    return found


def _share(hits: Sequence[bool]) -> Mapping[str, float | int | None]:
    """The count, the total, and Wilson's interval for the share."""
    n, k, z = len(hits), sum(hits), 1.96
    if n == 0:
        return {"rows": 0, "share": None, "low": None, "high": None}
    middle = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
    return {
        "rows": n,
        "share": round(k / n, 4),
        "low": round(max(middle - half, 0.0), 4),
        "high": round(min(middle + half, 1.0), 4),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
