"""What may be tried again, and when: the one place that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from random import Random
from typing import Any

import orjson


class Fault(Enum):
    """Whose fault it is that no answer came, and so what follows."""

    SERVER = "the server's, and it may pass: another try, there or elsewhere"
    BUSY = "nobody's: less at once, then another try"
    REQUEST = "the request's own: it fails, and nothing else does"
    SERVER_FOR_GOOD = "the server's, for every request: it is left out"


# A status that is not here is judged by its hundreds: 4xx the request's, 5xx and anything else the server's.
_STATUSES: Mapping[int, Fault] = {
    401: Fault.SERVER_FOR_GOOD,
    402: Fault.SERVER_FOR_GOOD,
    403: Fault.SERVER_FOR_GOOD,
    404: Fault.SERVER_FOR_GOOD,
    405: Fault.SERVER_FOR_GOOD,
    408: Fault.SERVER,
    409: Fault.SERVER,
    425: Fault.SERVER,
    429: Fault.BUSY,
    503: Fault.SERVER,
    529: Fault.BUSY,
}
# A key whose money is gone says 429 as if it were a matter of seconds.
_NO_MONEY = ("insufficient_quota", "exceeded your current quota", "billing_hard_limit")

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 10.0
# What a clock can be set to: thirty years.
_LONGEST_NAMED = 1e9
_SPOKEN_MOST = 400


@dataclass(frozen=True, slots=True)
class FailedTry:
    """A try without an answer. `words` are the server's, or those of the connection that failed.

    `wait` is how long the server asked to be left alone, in seconds (0: it did not). `refused` says that
    nothing listens there. `status` is 0 where there was no HTTP answer.
    """

    fault: Fault
    words: str
    status: int = 0
    wait: float = 0.0
    refused: bool = False


def judge(status: int, headers: Mapping[str, str], body: bytes, *, answered_before: bool) -> FailedTry:
    """The failure that an HTTP answer other than 200 stands for.

    `answered_before` says that this server has answered others: a 403 is then about this request (a
    filter), not about the key.
    """
    return _judged(status, headers, spoken(body), answered_before=answered_before)


def _judged(status: int, headers: Mapping[str, str], said: str, *, answered_before: bool) -> FailedTry:
    words = said or f"HTTP status {status}"
    fault = _STATUSES.get(status, Fault.REQUEST if 400 <= status < 500 else Fault.SERVER)
    if 300 <= status < 400:
        fault, words = Fault.SERVER_FOR_GOOD, f"redirects to {headers.get('Location', 'another address')}"
    if status == 403 and answered_before:
        fault = Fault.REQUEST
    if status == 429 and any(sign in words for sign in _NO_MONEY):
        fault = Fault.SERVER_FOR_GOOD
    return FailedTry(fault, words, status, retry_after(headers))


def judge_body(body: Any) -> FailedTry | None:
    """What is wrong with a parsed 200; None where it is an answer, which `wire.read_reply` can read.

    Gateways wrap the error of the server behind them into a 200; an engine that dies says `abort`.
    """
    if not isinstance(body, dict):
        return FailedTry(Fault.SERVER, "the answer is no JSON object", 200)
    choices = body.get("choices")
    if not choices:
        error = body.get("error")
        status = error.get("code") if isinstance(error, dict) else None
        if isinstance(status, int) and status >= 400:
            return _judged(status, {}, _said(body), answered_before=True)
        return FailedTry(Fault.SERVER, _said(body) or "the answer holds no choice", 200)
    first = choices[0] if isinstance(choices, list) else None
    if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
        return FailedTry(Fault.SERVER, "the answer holds no message", 200)
    if first.get("finish_reason") in ("abort", "error"):
        return FailedTry(Fault.SERVER, "the server gave the answer up half-way", 200)
    return None


def spoken(body: bytes) -> str:
    """The words of an error body, in whichever of the usual places they are."""
    try:
        return _said(orjson.loads(body))
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace").strip()[:_SPOKEN_MOST]


def _said(body: Any) -> str:
    error = body.get("error", body) if isinstance(body, dict) else body
    try:
        if not isinstance(error, dict):
            return str(error)[:_SPOKEN_MOST]
        words = str(error.get("message") or error.get("detail") or error)
    except RecursionError:
        return "an error nested too deep to be read"
    kind = error.get("code") or error.get("type")
    known = isinstance(kind, str) and kind not in words
    return f"{words} ({kind})"[:_SPOKEN_MOST] if known else words[:_SPOKEN_MOST]


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that `Retry-After` names, as a number or as a date; 0 where it is missing or nonsense."""
    value = headers.get("Retry-After")
    if value is None:
        return 0.0
    try:
        return min(max(0.0, float(value)), _LONGEST_NAMED)
    except ValueError:
        pass
    then = _timestamp(value)
    if then is None:
        return 0.0
    # By the server's own clock, so that a wrong one of ours does not matter.
    now = _timestamp(headers.get("Date", ""))
    return min(max(0.0, then - now), _LONGEST_NAMED) if now is not None else 1.0


def _timestamp(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def backoff(tries: int, chance: Random, *, first: float = _FIRST_WAIT, most: float = _LONGEST_WAIT) -> float:
    """Seconds before the next try after `tries` that failed: doubled each time, half of it by chance."""
    ceiling = min(most, first * 2.0 ** min(tries - 1, 30))
    return ceiling * (0.5 + 0.5 * chance.random())
