"""HTTP to servers on this machine, without proxies and without following redirects."""

from __future__ import annotations

import urllib.request
from typing import Any

# `HTTP_PROXY` and similar variables are meant for the network. A proxy would see the key of a request to
# 127.0.0.1, and could not deliver it.
_NO_PROXY = urllib.request.ProxyHandler({})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: urllib would send the headers, and so the key, to the new address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NO_PROXY, _NoRedirect)


def open_directly(request: str | urllib.request.Request, seconds: float) -> Any:
    """Like `urllib.request.urlopen`, except that a redirect raises `HTTPError`."""
    return _OPENER.open(request, timeout=seconds)
