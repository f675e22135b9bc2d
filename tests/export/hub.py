"""A stand-in for the hub on the loopback interface: accepts a dataset, and keeps the uploads.

Answers what `huggingface_hub` asks when it uploads a folder of small files: who is there, make a repository,
how each file is to be sent, and the commit that holds them all.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hub:
    """What reached the hub: requests as method and path, the tokens they bore, files by their path."""

    url: str
    requests: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    made: list[dict[str, object]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    refuses: int | None = None


@contextmanager
def hub() -> Iterator[Hub]:
    """A hub at a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    state = Hub(f"http://127.0.0.1:{server.server_port}")
    server.hub = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub, _ = self._note()
        if "/tree/" in self.path:
            files = hub.files.items()
            self._say(
                [{"type": "file", "path": name, "size": len(held), "oid": "2" * 40} for name, held in files]
            )
        elif self.path.startswith("/api/datasets/ann/"):
            self._say({"id": "ann/support", "sha": "0" * 40, "siblings": [], "private": True})
        else:
            self._say({"error": f"unknown to {hub.url}"}, 404)

    def do_POST(self) -> None:
        hub, body = self._note()
        if hub.refuses is not None:
            self._say({"error": "no"}, hub.refuses)
        elif self.path == "/api/repos/create":
            hub.made.append(json.loads(body))
            self._say({"url": f"{hub.url}/datasets/ann/support", "id": "ann/support", "name": "ann/support"})
        elif "/preupload/" in self.path:
            files = [
                {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                for each in json.loads(body)["files"]
            ]
            self._say({"files": files})
        elif "/commit/" in self.path:
            self._commit(hub, body)
        else:
            self._say({})

    def _commit(self, hub: Hub, body: bytes) -> None:
        for line in body.splitlines():
            part = json.loads(line)
            if part["key"] == "file":
                hub.files[part["value"]["path"]] = base64.b64decode(part["value"]["content"])
            elif part["key"].startswith("deleted"):
                hub.files.pop(part["value"]["path"])
        done = f"{hub.url}/datasets/ann/support/commit/{'1' * 40}"
        self._say({"commitUrl": done, "commitOid": "1" * 40, "success": True})

    def _note(self) -> tuple[Hub, bytes]:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        hub.requests.append(f"{self.command} {self.path.partition('?')[0]}")
        hub.tokens.add(self.headers.get("Authorization"))
        return hub, self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _say(self, document: object, status: int = 200) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing: the tests ask `Hub`."""
