"""HTTP to one server over aiohttp: keys stay with it, redirects are not followed, nothing is added.

This is the hot path: one function, bodies as bytes, no cookies, no proxies from the environment.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping

import aiohttp
from yarl import URL

from synth.errors import InputError

# Below the 5 s after which uvicorn, and so vLLM, closes an idle connection: ours must go first.
_KEEP_ALIVE = 4.0
_CONNECT_SECONDS = 10.0
# A host that vanished without a word (power, network) is noticed after 30 + 3 * 10 s.
_PROBE_IDLE, _PROBE_EVERY, _PROBES = 30, 10, 3


class ConnectionFailed(Exception):
    """No whole HTTP answer. `refused` says that there is no server at all, `words` what happened."""

    def __init__(self, words: str, *, refused: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.refused = refused


class Transport:
    """Connections to the server at `base_url`. The key is sent there as a bearer token, and nowhere else.

    Raises `InputError` for a key that cannot be one. Neither `repr` nor any error shows the key.
    """

    def __init__(self, base_url: str, key: str | None, headers: Mapping[str, str] | None = None) -> None:
        if key is not None and (not key.isascii() or not key.isprintable() or " " in key):
            raise InputError(
                "the API key has characters that no key has.", hint="Is there a line break in it?"
            )
        base = base_url.rstrip("/").removesuffix("/chat/completions")
        self.base_url = base
        self.label = str(URL(base).with_user(None))
        self._completions = URL(f"{base}/chat/completions")
        self._models = URL(f"{base}/models")
        self._metrics = URL(f"{base.removesuffix('/v1')}/metrics")
        self._key = key
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Makes the session; connections come with the requests."""
        connector = aiohttp.TCPConnector(
            limit=0, keepalive_timeout=_KEEP_ALIVE, socket_factory=_socket, ttl_dns_cache=60
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept"),
        )

    async def close(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def complete(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and whole body of the answer to a completion. Raises `ConnectionFailed`."""
        assert self._session is not None, "not open"
        try:
            async with self._session.post(self._completions, data=body, allow_redirects=False) as answer:
                return answer.status, answer.headers, await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._failed(error) from None

    async def models(self, seconds: float) -> tuple[int, Mapping[str, str], bytes]:
        """The same for the list of models."""
        return await self._get(self._models, seconds)

    async def metrics(self, seconds: float) -> tuple[int, Mapping[str, str], bytes]:
        """The same for `/metrics`, which stands beside `/v1`, not under it."""
        return await self._get(self._metrics, seconds)

    def without_key(self, words: str) -> str:
        """`words` of a server, which may repeat the key it was shown, without it."""
        return words.replace(self._key, "[key]") if self._key else words

    async def _get(self, url: URL, seconds: float) -> tuple[int, Mapping[str, str], bytes]:
        assert self._session is not None, "not open"
        try:
            async with asyncio.timeout(seconds), self._session.get(url, allow_redirects=False) as answer:
                return answer.status, answer.headers, await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> ConnectionFailed:
        refused = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
        words = str(error) or type(error).__name__
        return ConnectionFailed(self.without_key(words), refused=refused)


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket that notices a vanished host even while it only waits for an answer."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_IDLE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_EVERY)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    return made
