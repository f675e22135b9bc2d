"""Additions to Argilla's page: a draft under review stays in its box, and its links ask before they open.

The page shows Markdown with HTML in it. Its sanitiser removes scripts, but keeps styles, classes and links.
Without the additions, a draft could cover the whole page with its submit button, or open another site at a
click.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The box contains even elements with a fixed position, and cuts them off at its edges.
_STYLE = ".markdown-render { contain: layout paint; }"

_SCRIPT = """
function askFirst(event) {
  const link = event.composedPath().find(one => one.matches && one.matches("a, area"))
  const address = link && link.href && (link.href.baseVal === undefined ? link.href : link.href.baseVal)
  if (!address) return
  const url = new URL(address, document.baseURI)
  if (url.origin === location.origin || confirm("Open another site?\\n\\n" + url.href)) return
  event.preventDefault()
  event.stopImmediatePropagation()
}
for (const kind of ["click", "auxclick"]) window.addEventListener(kind, askFirst, true)

// A style sheet in a draft would be one of the page. It is gone before the page is painted.
const sheets = ".markdown-render style, .markdown-render link"
const remove = () => document.querySelectorAll(sheets).forEach(one => one.remove())
new MutationObserver(remove).observe(document, { childList: true, subtree: true })
"""

ADDED = f"<style>{_STYLE}</style><script>{_SCRIPT}</script>".encode()
_BEFORE = b"</head>"


class PageGuard:
    """Inserts the additions into each HTML page. Other responses pass unchanged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self._app(scope, receive, send)
            return
        # A page must come whole and without compression, because the additions are inserted into it.
        left_out = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in left_out]
        await self._app({**scope, "headers": headers}, receive, _Changed(send))


class _Changed:
    """Collects an HTML page until it is whole, and sends it with the additions."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_page(self._start)
        else:
            await self._send(message)

    async def _send_page(self, start: Message) -> None:
        body = self._body.replace(_BEFORE, ADDED + _BEFORE, 1)
        headers = MutableHeaders(scope=start)
        headers["Content-Length"] = str(len(body))
        # A browser may have the page without the additions in its cache, under the same tag.
        for name in ("etag", "last-modified"):
            if name in headers:
                del headers[name]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers
