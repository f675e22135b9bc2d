"""The interface of every client: `ask` turns a `Request` into the raw bytes of a reply, and `read` parses
them.

The two steps are separate so that a reply is on disk before anything parses it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson

# A JSON object, as sent or received.
Json = dict[str, Any]


@dataclass(slots=True)
class Request:
    """One logical request to one model.

    `sampling` holds the server's own parameter names (temperature, top_p, ...) without `max_tokens`. That is
    a separate field because it is not part of the identity: a reply that is shorter than a new limit is still
    valid. `schema` is a JSON schema that the text of the reply must satisfy. `logprobs` is the number of
    alternatives per token (0: none). `draw` distinguishes equal requests that each want their own reply.
    `attempt` counts retries after unusable replies.
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
        """The identity as text: canonical JSON of everything that could change the answer."""
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
        """A seed below 2**31 that depends only on the identity, for samplers that accept one."""
        return int(self.identity[:8], 16) & 0x7FFFFFFF


# Estimated bytes per token: about four letters of English, or one character of Chinese.
_BYTES_A_TOKEN = 4


def estimated_tokens(size: int) -> int:
    """The estimated tokens of a text of `size` bytes, used when no server counted them."""
    return -(-size // _BYTES_A_TOKEN)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counts them. `cached` is the part of the prompt from its prefix cache."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0

    def of(self, canonical: bytes) -> Usage:
        """The usage of the request with this text. If the server did not count the prompt, it is
        estimated.
        """
        return self if self.prompt else replace(self, prompt=estimated_tokens(len(canonical)))


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """One generated token, its log-probability, and the alternatives at its position."""

    token: str
    logprob: float
    top: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """A parsed reply.

    `finish` is `stop`, `length` if `max_tokens` cut the reply, or the server's own word. The thinking of a
    reasoning model is in `reasoning`, never in `text`. `unreadable` says why a reply in the journal of an
    older version cannot be parsed.
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
        """Whether `max_tokens` cut the reply."""
        return self.finish == "length"


@dataclass(frozen=True, slots=True)
class PrefixCounts:
    """Prompt tokens that were looked up in a prefix cache, and how many were found. Zeros if the server
    does not report them.
    """

    queries: int = 0
    hits: int = 0

    def __add__(self, other: PrefixCounts) -> PrefixCounts:
        return PrefixCounts(self.queries + other.queries, self.hits + other.hits)

    @property
    def hit_rate(self) -> float | None:
        """The share of the tokens that were found."""
        return self.hits / self.queries if self.queries else None


class RequestFailed(Exception):
    """This request cannot be answered: it is too long, a filter refuses it, or it keeps failing while others
    succeed.

    Final: only its row fails. `words` is the server's message, `status` its HTTP status if there is one.
    """

    def __init__(self, words: str, *, status: int | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.status = status


class Client(Protocol):
    """One model behind one provider. A client is made, used and closed inside one event loop.

    `ask` may be called for any number of requests at once. The client decides how many are in flight, and in
    which order. It raises `RequestFailed` for a faulty request, and `synth.errors.UnreachableError` when no
    request can be answered any more (server gone, wrong key, unknown model). The client retries temporary
    failures.
    """

    model: str

    async def open(self) -> None:
        """Loads the model, or connects to the server. Raises `UnreachableError`."""
        ...

    async def ask(self, request: Request) -> bytes:
        """The raw reply to `request`: bytes for `read` of the same client."""
        ...

    def read(self, raw: bytes) -> Reply:
        """Parses the bytes from `ask`. Raises `ValueError` if they are not a reply."""
        ...

    @property
    def in_flight(self) -> int:
        """The number of requests in flight (without those that wait for a slot)."""
        ...

    @property
    def retries(self) -> int:
        """The number of retries so far, for any reason."""
        ...

    @property
    def prefix_counts(self) -> PrefixCounts:
        """Prompt tokens looked up and found in prefix caches so far."""
        ...

    async def close(self) -> None:
        """Releases connections, threads and memory. May be called twice."""
        ...
