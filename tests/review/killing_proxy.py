"""A proxy that kills its client at the Nth request, before or after the server handles it."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import Popen
from typing import Any
from urllib.parse import urlsplit

_NOT_PASSED_ON = {"host", "connection", "transfer-encoding", "content-length", "accept-encoding"}


@dataclass
class KillingProxy:
    """Passes requests on to `target`. `arm` it, then let a process ask at `url`, and make it the `victim`."""

    target: str
    url: str = ""
    victim: Popen[str] | None = None
    seen: int = 0
    _kill_at: int = 0
    _when_done: bool = False
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, number: int, *, when_done: bool) -> None:
        """The next victim dies at its request `number`: on the way there, or on the way back."""
        self.seen, self._kill_at, self._when_done = 0, number, when_done

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[Any, bytes] | None:
        """The server's answer; None where the one who asked for it is dead."""
        with self._one_at_a_time:
            self.seen += 1
            kill = self.seen == self._kill_at
        if kill and not self._when_done:
            self._kill()
            return None
        connection = http.client.HTTPConnection(urlsplit(self.target).netloc, timeout=120)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if kill:
            self._kill()
            return None
        return answer, content

    def _kill(self) -> None:
        assert self.victim is not None
        self.victim.kill()
        self.victim.wait()


@contextmanager
def killing_proxy(target: str) -> Iterator[KillingProxy]:
    proxy = KillingProxy(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def parse_request(self) -> bool:
            if not super().parse_request():
                return False
            setattr(self, f"do_{self.command}", self.pass_on)
            return True

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON
            }
            given = proxy.answer(self.command, self.path, headers, body)
            if given is None:
                self.close_connection = True
                return
            answer, content = given
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _NOT_PASSED_ON:
                    self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield proxy
        server.shutdown()
        thread.join()
