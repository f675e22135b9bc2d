"""Enforces declared limits: requests and tokens per minute."""

from __future__ import annotations

import math

# Providers count over shorter intervals than a minute, so a burst is limited to what is allowed in this time.
_BURST_SECONDS = 1.0


class TokenBucket:
    """A token bucket that fills evenly, by the limit per minute.

    It has no clock: every call passes the time. A cost larger than the bucket waits until the bucket is full,
    and then leaves it in debt. So no request is too large, and the mean still stays within the limit.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._rate = per_minute / 60.0
        self._size = max(1.0, self._rate * _BURST_SECONDS)
        self._level = self._size
        self._then = now

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` may be taken; 0 if it may be taken now."""
        self._fill(now)
        missing = min(cost, self._size) - self._level
        return missing / self._rate if missing > 1e-9 else 0.0

    def take(self, cost: float, now: float) -> None:
        """Takes `cost`. A negative cost returns what was reserved too much."""
        self._fill(now)
        self._level = min(self._size, self._level - cost)

    def _fill(self, now: float) -> None:
        self._level = min(self._size, self._level + (now - self._then) * self._rate)
        self._then = now


class RateLimits:
    """Limits of requests and tokens per minute together. None means no limit."""

    def __init__(self, requests: float | None, tokens: float | None, now: float) -> None:
        self._requests = TokenBucket(requests, now) if requests else None
        self._tokens = TokenBucket(tokens, now) if tokens else None

    def __bool__(self) -> bool:
        return self._requests is not None or self._tokens is not None

    def wait(self, tokens: float, now: float) -> float:
        """Seconds until a request of at most `tokens` tokens may be sent."""
        requests = self._requests.wait(1.0, now) if self._requests else 0.0
        return max(requests, self._tokens.wait(tokens, now) if self._tokens else 0.0)

    def take(self, tokens: float, now: float) -> None:
        """Counts a sent request, with the maximum of its tokens."""
        if self._requests:
            self._requests.take(1.0, now)
        if self._tokens:
            self._tokens.take(math.ceil(tokens), now)

    def give_back(self, tokens: float, now: float) -> None:
        """Returns tokens that a request had reserved but did not use."""
        if self._tokens:
            self._tokens.take(-tokens, now)
