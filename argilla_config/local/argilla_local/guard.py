"""Guards in front of the server: it answers only to its own names, and its page loads nothing from others."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

# The page needs its inline scripts. But a draft under review must not fetch a script or send anything out,
# not even in the address of an image.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "script-src-attr 'none'",  # the page inserts some texts as HTML: their `onerror` must not run
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "frame-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

# A name or an address, and a port. An IPv6 address has brackets.
_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::[0-9]{1,5})?", re.ASCII)


def is_loopback(host: str) -> bool:
    return host in LOOPBACK


class HostGuard:
    """Refuses requests for another `Host`. This stops DNS rebinding.

    In that attack, a web page makes its own host name point to 127.0.0.1, so the browser lets it read the
    server's answers. On a network, numeric addresses are accepted too, because no page has one as its name.
    """

    def __init__(self, app: ASGIApp, host: str, extra_names: Iterable[str], *, remote_content: bool) -> None:
        self._app = app
        names = {*LOOPBACK, host, *extra_names}
        if not is_loopback(host):
            names |= {socket.gethostname(), socket.getfqdn()}
        self._names = {name.lower() for name in names}
        self._accepts_addresses = not is_loopback(host)
        self._remote_content = remote_content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not self._accepts(Headers(scope=scope).get("host", "")):
            refusal = PlainTextResponse("This server does not answer to this host name.\n", status_code=421)
            await refusal(scope, receive, send)
            return

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                if not self._remote_content and headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Security-Policy"] = CONTENT_POLICY
            await send(message)

        await self._app(scope, receive, send_with_policy)

    def _accepts(self, host_header: str) -> bool:
        parts = _HOST.fullmatch(host_header)
        if parts is None:
            return False
        name = (parts["address"] or parts["name"]).lower()
        return name in self._names or (self._accepts_addresses and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
