"""A client for Argilla's HTTP API (accounts, datasets and records)."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson

from synth.errors import UnreachableError
from synth.http import BlockingHttpClient, ConnectionFailed, HttpAnswer, SecretKey
from synth.llm.base import Json

# Seconds to wait before a retry when nothing listens: a restarted server is soon back.
_PAUSES = (0.0, 0.5)
_WORDS_SHOWN = 300


class ApiServer(Protocol):
    """A running Argilla server, and a user's API key."""

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        ...

    @property
    def api_key(self) -> str:
        """The user's API key."""
        ...


class Refusal(UnreachableError):
    """The server refused the request. `status` is the HTTP status, `words` the server's message."""

    def __init__(self, status: int, words: str, where: str) -> None:
        super().__init__(f"Argilla answered {status}: {words}", where=where)
        self.status = status
        self.words = words


class ArgillaApi:
    """The API of one server, used with one key. A request times out after `seconds` seconds without an
    answer.
    """

    def __init__(self, server: ApiServer, seconds: float) -> None:
        self.url = server.url
        self._key = SecretKey(server.api_key)
        self._seconds = seconds
        self._http = BlockingHttpClient(seconds, {"X-Argilla-Api-Key": server.api_key}, server.api_key)

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Json:
        """The JSON response to `method path`. Raises `Refusal` or `UnreachableError`."""
        url = f"{self.url}/api/v1/{path}" + (f"?{urlencode(params)}" if params else "")
        content = None if body is None else orjson.dumps(body)
        try:
            status, headers, answer = self._request(method, url, content)
        except ConnectionFailed as error:
            if error.timed_out:
                raise Refusal(504, f"no answer in {self._seconds:g} s", self.url) from error
            raise does_not_answer(error.words, self.url) from error
        if status in (401, 403):
            raise UnreachableError(
                "Argilla refuses this key.", where=self.url, hint="It must be an owner's or an admin's."
            )
        if not 200 <= status < 300:
            said = headers.get("Location") or self._key.hidden_in(_words(answer))
            raise Refusal(status, said, self.url)
        return dict(orjson.loads(answer)) if answer else {}

    def close(self) -> None:
        """May be called twice."""
        self._http.close()

    def __enter__(self) -> ArgillaApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _request(self, method: str, url: str, content: bytes | None) -> HttpAnswer:
        for pause in _PAUSES:
            try:
                return self._http.request(method, url, content)
            except ConnectionFailed as error:
                if not error.refused:
                    raise
                time.sleep(pause)
        return self._http.request(method, url, content)


def does_not_answer(words: str, url: str) -> UnreachableError:
    """The error for a server that does not answer."""
    return UnreachableError(
        f"Argilla does not answer: {words}",
        where=url,
        hint="Is it running? Run the same command again to continue.",
    )


def _words(content: bytes) -> str:
    """The server's message, shortened."""
    try:
        detail = orjson.loads(content)["detail"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        detail = content.decode(errors="replace")
    return str(detail)[:_WORDS_SHOWN]
