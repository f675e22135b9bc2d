"""Decides which failures are retried, and when. No other module decides this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from random import Random
from typing import Any

import orjson


class Fault(Enum):
    """The cause of a failed try, which determines the consequence."""

    SERVER = "a temporary fault of the server: retry there or on another server"
    BUSY = "too many requests: lower the concurrency, then retry"
    REQUEST = "a fault of the request: only this request fails"
    SERVER_FOR_GOOD = "a fault of the server for every request: stop using it"


# Other statuses: 4xx is a fault of the request, 5xx and everything else a fault of the server.
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
# An account without credit answers 429, but no pause helps.
_NO_MONEY = ("insufficient_quota", "exceeded your current quota", "billing_hard_limit")

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 10.0
# Seconds; thirty years, the largest plausible error of a clock.
_LONGEST_NAMED = 1e9
_SPOKEN_MOST = 400


@dataclass(frozen=True, slots=True)
class FailedTry:
    """A try without an answer.

    `words` is the message of the server or of the failed connection. `wait` is the pause that the server
    asked for, in seconds (0: none). `refused` says that nothing listens at the address. `status` is 0 without
    an HTTP response.
    """

    fault: Fault
    words: str
    status: int = 0
    wait: float = 0.0
    refused: bool = False


def judge(status: int, headers: Mapping[str, str], body: bytes, *, answered_before: bool) -> FailedTry:
    """Classifies an HTTP response other than 200.

    `answered_before` says that this server has answered other requests. A 403 is then about this request (a
    content filter), not about the key.
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
    """Finds a fault in a parsed 200 response. None if it is an answer that `chat_completions.read_reply` can
    parse.

    Gateways wrap the error of the server behind them into a 200; a dying engine answers `abort`.
    """
    if not isinstance(body, dict):
        return FailedTry(Fault.SERVER, "the answer is not a JSON object", 200)
    choices = body.get("choices")
    if not choices:
        error = body.get("error")
        status = error.get("code") if isinstance(error, dict) else None
        if isinstance(status, int) and status >= 400:
            return _judged(status, {}, _said(body), answered_before=True)
        return FailedTry(Fault.SERVER, _said(body) or "the answer has no choice", 200)
    first = choices[0] if isinstance(choices, list) else None
    if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
        return FailedTry(Fault.SERVER, "the answer has no message", 200)
    if first.get("finish_reason") in ("abort", "error"):
        return FailedTry(Fault.SERVER, "the server aborted the answer", 200)
    return None


def spoken(body: bytes) -> str:
    """The message in an error body, from any of the usual places."""
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
    """The seconds of `Retry-After`, which is a number or a date. 0 if it is missing or invalid."""
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
    # Relative to the server's own clock, so that an error of our clock does not matter.
    now = _timestamp(headers.get("Date", ""))
    return min(max(0.0, then - now), _LONGEST_NAMED) if now is not None else 1.0


def _timestamp(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def backoff(tries: int, chance: Random, *, first: float = _FIRST_WAIT, most: float = _LONGEST_WAIT) -> float:
    """Seconds before the next try, after `tries` failures: doubled each time, and half of it is random."""
    ceiling = min(most, first * 2.0 ** min(tries - 1, 30))
    return ceiling * (0.5 + 0.5 * chance.random())
