"""Which requests are late enough to ask again elsewhere, while the first one is still listened to.

A socket that hangs looks like a long answer. What tells them apart is the others: a request is late when
it takes several times what nearly all requests with the same `max_tokens` took, and at least half of
those that were in flight with it have been answered since. A server that is slow, or stands still for a
while, is slow for all: nothing is late there, and nothing is asked twice. The first to answer wins, so
that being wrong costs one request and never an answer ("hedged requests": Dean and Barroso, The Tail at
Scale, CACM 2013).
"""

from __future__ import annotations

from collections import deque

# Recent answers that are remembered for each `max_tokens`, and how many it takes to judge by them.
_REMEMBERED, _ENOUGH = 128, 16
_NEARLY_ALL = 0.95
_TIMES = 5.0
_LEAST_SECONDS = 1.0


class Stragglers:
    """Remembers how long answers take, and says when one takes too long."""

    def __init__(self) -> None:
        self._recent: dict[int, deque[float]] = {}

    def answered(self, max_tokens: int, seconds: float) -> None:
        """Remembers one answer."""
        recent = self._recent.get(max_tokens)
        if recent is None:
            recent = self._recent[max_tokens] = deque(maxlen=_REMEMBERED)
        recent.append(seconds)

    def late_after(self, max_tokens: int) -> float | None:
        """Seconds after which a request is late; None where too few are known to say."""
        recent = self._recent.get(max_tokens)
        if recent is None or len(recent) < _ENOUGH:
            return None
        usual = sorted(recent)[int(_NEARLY_ALL * (len(recent) - 1))]
        return max(_LEAST_SECONDS, _TIMES * usual)

    @property
    def earliest(self) -> float:
        """Seconds before which nothing is ever late."""
        return _LEAST_SECONDS


def overtaken(answered_since: int, among: int) -> bool:
    """Whether so many answers since, of those that were in flight with it, make a request look forgotten."""
    return answered_since >= among // 2
