"""What every client speaks: a `Request` goes in, the raw bytes of an answer come out, `read` parses them.

The two halves are apart so that a reply is on disk before anything looks into it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson

# JSON as it comes off the wire or goes into it.
Json = dict[str, Any]


@dataclass(slots=True)
class Request:
    """One logical request: what is asked, of which model, and which of several draws and attempts it is.

    `sampling` holds the server's own parameter names (temperature, top_p, ...) without `max_tokens`,
    which is apart because it is no part of the identity: a reply that ended within a new limit is
    still the answer. `schema` is a JSON schema that the text of the reply must satisfy. `logprobs`
    asks for so many alternatives for each token (0: none). `draw` tells apart equal requests whose
    several answers are all wanted; `attempt` counts new tries after answers that did not serve.
    """

    messages: Sequence[Mapping[str, Any]]
    model: str
    max_tokens: int
    sampling: Mapping[str, Any] = field(default_factory=dict)
    schema: Json | None = None
    logprobs: int = 0
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    draw: int = 0
    attempt: int = 0
    _canonical: bytes = b""
    _identity: str = ""

    @property
    def canonical(self) -> bytes:
        """The identity in words: canonical JSON of everything that could change the answer."""
        if not self._canonical:
            body: Json = {"messages": self.messages, "model": self.model, "draw": self.draw}
            if self.sampling:
                body["sampling"] = self.sampling
            if self.schema is not None:
                body["schema"] = self.schema
            if self.logprobs:
                body["logprobs"] = self.logprobs
            if self.extra_body:
                body["extra_body"] = self.extra_body
            if self.attempt:
                body["attempt"] = self.attempt
            self._canonical = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        return self._canonical

    @property
    def identity(self) -> str:
        """SHA-256 of `canonical`, in hexadecimal."""
        if not self._identity:
            self._identity = hashlib.sha256(self.canonical).hexdigest()
        return self._identity

    @property
    def seed(self) -> int:
        """A number below 2**31 that depends on the identity alone, for samplers that take one."""
        return int(self.identity[:8], 16) & 0x7FFFFFFF


# Bytes of a token, in round numbers: about four letters of English, and one character of Chinese.
_BYTES_A_TOKEN = 4


def estimated_tokens(size: int) -> int:
    """The estimated tokens of a text of `size` bytes, where nobody counted them."""
    return -(-size // _BYTES_A_TOKEN)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the server counts them; `cached` of the prompt came from its prefix cache."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0

    def of(self, canonical: bytes) -> Usage:
        """The usage of the request with these words. A prompt that the server did not count is estimated."""
        return self if self.prompt else replace(self, prompt=estimated_tokens(len(canonical)))


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """One generated token, its log-probability, and the alternatives at its place."""

    token: str
    logprob: float
    top: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read.

    `finish` is `stop`, or `length` where `max_tokens` cut it, or the server's own word. What a
    reasoning model thought is in `reasoning`, never in `text`. `unreadable` says why a reply that an older
    version journaled is no answer.
    """

    text: str
    finish: str = "stop"
    usage: Usage = field(default_factory=Usage)
    reasoning: str | None = None
    logprobs: tuple[TokenChoice, ...] = ()
    model: str = ""
    unreadable: str = ""

    @property
    def cut(self) -> bool:
        """Whether `max_tokens` ended it."""
        return self.finish == "length"


@dataclass(frozen=True, slots=True)
class PrefixCounts:
    """Prompt tokens that were looked up in a prefix cache, and those of them that were found; nothing
    where nobody tells.
    """

    queries: int = 0
    hits: int = 0

    def __add__(self, other: PrefixCounts) -> PrefixCounts:
        return PrefixCounts(self.queries + other.queries, self.hits + other.hits)

    @property
    def hit_rate(self) -> float | None:
        """The share that was found."""
        return self.hits / self.queries if self.queries else None


class RequestFailed(Exception):
    """This one request cannot be answered, by its own fault (too long, refused by a filter, or wrong again
    and again while others succeed). Final: its row fails, and nothing else.

    `words` are the server's; `status` its HTTP status where there is one.
    """

    def __init__(self, words: str, *, status: int | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.status = status


class Client(Protocol):
    """One model behind one provider. A client is made, used and closed inside one event loop.

    `ask` may be called for any number of requests at once: the client itself decides how many it
    works on, and in which order. It raises `RequestFailed` for a request that is at fault, and
    `synth.errors.UnreachableError` when nothing can be answered any more (server gone for good, wrong
    key, no such model). Everything that may pass by itself, it retries itself.
    """

    model: str

    async def open(self) -> None:
        """Gets ready: loads the model, or probes the server. Raises `UnreachableError`."""
        ...

    async def ask(self, request: Request) -> bytes:
        """The answer to `request`, raw: bytes that `read` of the same client understands."""
        ...

    def read(self, raw: bytes) -> Reply:
        """Parses what `ask` returned. Raises `ValueError` where it is no answer at all."""
        ...

    @property
    def in_flight(self) -> int:
        """Requests that are being worked on at this moment (not those that wait for a place)."""
        ...

    @property
    def retries(self) -> int:
        """Requests sent again so far, for whatever reason."""
        ...

    @property
    def prefix_counts(self) -> PrefixCounts:
        """Prompt tokens looked up in prefix caches so far, and found there."""
        ...

    async def close(self) -> None:
        """Lets go of connections, threads and memory. May be called twice."""
        ...
