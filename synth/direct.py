"""HTTP to servers on this machine: never through a proxy of the environment, and no redirect is followed."""

from __future__ import annotations

import urllib.request
from typing import Any

# `HTTP_PROXY` and its like are meant for the network. A proxy that got a request for 127.0.0.1 would see its
# key, and could not deliver it.
_NO_PROXY = urllib.request.ProxyHandler({})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would send the headers, and with them the key, to the address that the server names."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NO_PROXY, _NoRedirect)


def open_directly(request: str | urllib.request.Request, seconds: float) -> Any:
    """What `urllib.request.urlopen` gives, and raises; a redirect is an `HTTPError`, too."""
    return _OPENER.open(request, timeout=seconds)
