"""Declared limits: so many requests and so many tokens a minute, and not one more."""

from __future__ import annotations

import math

# A provider counts over less than a minute, so no more than this much of one may go at once.
_BURST_SECONDS = 1.0


class TokenBucket:
    """A bucket that fills evenly with what a minute allows. No clock: every call says what time it is.

    A cost larger than the bucket waits until the bucket is full, and then leaves it in debt, so that
    nothing is too large to be sent and the mean still holds.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._rate = per_minute / 60.0
        self._size = max(1.0, self._rate * _BURST_SECONDS)
        self._level = self._size
        self._then = now

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` may be taken; 0 where it may be now."""
        self._fill(now)
        missing = min(cost, self._size) - self._level
        return missing / self._rate if missing > 1e-9 else 0.0

    def take(self, cost: float, now: float) -> None:
        """Takes `cost`; a negative one gives back what was taken too much."""
        self._fill(now)
        self._level = min(self._size, self._level - cost)

    def _fill(self, now: float) -> None:
        self._level = min(self._size, self._level + (now - self._then) * self._rate)
        self._then = now


class RateLimits:
    """Requests and tokens a minute together; None where there is no limit."""

    def __init__(self, requests: float | None, tokens: float | None, now: float) -> None:
        self._requests = TokenBucket(requests, now) if requests else None
        self._tokens = TokenBucket(tokens, now) if tokens else None

    def __bool__(self) -> bool:
        return self._requests is not None or self._tokens is not None

    def wait(self, tokens: float, now: float) -> float:
        """Seconds until a request that may use `tokens` may go."""
        requests = self._requests.wait(1.0, now) if self._requests else 0.0
        return max(requests, self._tokens.wait(tokens, now) if self._tokens else 0.0)

    def take(self, tokens: float, now: float) -> None:
        """Counts a request that goes, with the most tokens that it may use."""
        if self._requests:
            self._requests.take(1.0, now)
        if self._tokens:
            self._tokens.take(math.ceil(tokens), now)

    def give_back(self, tokens: float, now: float) -> None:
        """Gives back tokens that a request had reserved and did not use."""
        if self._tokens:
            self._tokens.take(-tokens, now)
