"""The HTTP requests to one OpenAI-compatible server: completions, models, metrics."""

from __future__ import annotations

from collections.abc import Mapping

from pyreqwest.http import Url

from synth.errors import InputError
from synth.http import HttpAnswer, HttpClient, SecretKey
from synth.recipe.api_keys import check_address, check_key

# Bytes of a list of models or of `/metrics`.
_LONGEST_LIST = 2**23


class Transport:
    """Connections to the server at `base_url`. The key is sent as a bearer token, and only to this server.
    Raises `InputError` for an invalid address or key. No `repr`, error or answer shows the key.
    """

    def __init__(self, base_url: str, key: str | None, headers: Mapping[str, str] | None = None) -> None:
        base = base_url.rstrip("/").removesuffix("/chat/completions")
        try:
            check_address(base_url)
        except ValueError as error:
            raise InputError(f"the address of a server {error}.") from None
        try:
            check_key(key or "")
        except ValueError as error:
            raise InputError(f"the API key {error}") from None
        self.label = base
        self._completions = Url(f"{base}/chat/completions")
        self._models = Url(f"{base}/models")
        self._metrics = Url(f"{base.removesuffix('/v1')}/metrics")
        self._key = SecretKey(key)
        authorization = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = HttpClient({**(headers or {}), **authorization}, self._key)

    async def open(self) -> None:
        """Makes the HTTP client. Connections are opened by the requests."""
        await self._http.open()

    async def close(self) -> None:
        """Closes all connections."""
        await self._http.close()

    async def complete(self, body: bytes, most: int) -> HttpAnswer:
        """The response to a completion request. Raises `ConnectionFailed`, and `ReplyTooLong` for a body
        of more than `most` bytes.
        """
        return await self._http.post(self._completions, body, most)

    async def models(self, seconds: float) -> HttpAnswer:
        """The list of models. Raises `ConnectionFailed`."""
        return await self._http.get(self._models, _LONGEST_LIST, seconds)

    async def metrics(self, seconds: float) -> HttpAnswer:
        """The response of `/metrics`, which is next to `/v1` and not below it."""
        return await self._http.get(self._metrics, _LONGEST_LIST, seconds)

    def without_key(self, words: str) -> str:
        """A server's message without the key, which the server may repeat."""
        return self._key.hidden_in(words)
