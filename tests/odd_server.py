"""A model's server whose every answer a test decides: what it reports, how it is formed, and when it ends."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from synth.llm.chat_completions import write_reply
from synth.llm.fake.replies import fake_reply
from tests.support.loopback.request import read_request

Body = dict[str, Any]
# The whole answer to a request: its status, headers of its own, and its body.
Answer = tuple[int, dict[str, str], bytes]


def good_reply(body: bytes) -> Body:
    """What a good server answers to a request."""
    request = read_request(body)
    key = hashlib.blake2b(request.key, digest_size=8).hexdigest()
    reply = fake_reply(
        request.messages,
        key=key,
        max_tokens=request.max_tokens,
        schema=request.schema,
        logprobs=request.logprobs,
        model=request.model,
    )
    made: Body = orjson.loads(write_reply(reply))
    return made


class OddServer:
    """Answers each completion by `answer`, which may be changed at any time; `asked` are the requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[bytes] = []
        self.keys: list[str] = []
        self.look_up: dict[str, Body] = {"/v1/models": {"data": [{"id": "fake"}]}}
        self.answer: Callable[[bytes], Answer] = lambda body: (200, {}, orjson.dumps(good_reply(body)))
        # Takes the socket in the place of `answer`, for what is no whole answer.
        self.stream: Callable[[BaseHTTPRequestHandler], None] | None = None


@contextmanager
def odd_server() -> Iterator[OddServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = there.look_up.get(self.path)
            self.give(200 if found else 404, {}, orjson.dumps(found or {"detail": self.said()}))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            there.asked.append(body)
            there.keys.append(self.headers.get("Authorization", ""))
            if there.stream is not None:
                there.stream(self)
            else:
                self.give(*there.answer(body))

        def give(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def said(self) -> str:
            """What an error repeats of a request: its key."""
            return f"no {self.headers.get('X-Argilla-Api-Key', 'such page')}"

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512

        def handle_error(self, *_: object) -> None:
            """Clients may hang up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        there = OddServer(f"http://127.0.0.1:{server.server_port}/v1")
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield there
        finally:
            server.shutdown()
