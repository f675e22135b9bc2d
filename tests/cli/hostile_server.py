"""An OpenAI-compatible server whose texts try to control the user's terminal."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

# Clear the screen, set the window's title, ring, C1, go back to the start of the line, turn its direction,
# show nothing, hide letters; and markup of `rich`, which must stay text.
ATTACK = "\x1b[2J\x1b]0;owned\x07\x9b31m\rok  forged\u202e\u200b\u2066\U000e0041\x08[red]markup[/red]"
MODEL = f"model{ATTACK}\nprovider: embedded"
_NUMBER = itertools.count()
_ENDS = ("da", "ki", "po", "ru", "sem", "tal", "vo", "zin", "bar", "gel")
_WORDS = [start + end for start in ("lan", "mor", "tes", "vik", "sol", "ren") for end in _ENDS]


class _Handler(BaseHTTPRequestHandler):
    refuse = 0

    def do_GET(self) -> None:
        if self.refuse:
            self._refuse()
        else:
            self._answer(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.refuse:
            self._refuse()
            return
        number = next(_NUMBER)
        words = Random(number).sample(_WORDS, 12)
        text = "4"
        if '"score"' in json.dumps(asked.get("response_format")):
            text = json.dumps({"score": 4})
        elif '"requests"' in json.dumps(asked.get("response_format")):
            several = [Random(f"{number}:{place}").sample(_WORDS, 12) for place in range(5)]
            text = json.dumps({"requests": [f"What is {ATTACK} {' '.join(each)}?" for each in several]})
        elif "response_format" in asked:
            request = f"What is {ATTACK} {' '.join(words)}?"
            text = json.dumps({"instruction": request, "response": f"It is {words[0]}.{ATTACK}"})
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self._answer(200, {"id": "1", "model": MODEL, "choices": [choice], "usage": usage})

    def _refuse(self) -> None:
        self._answer(self.refuse, {"error": {"message": f"Refused.{ATTACK}\nError: forged", "type": ATTACK}})

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def hostile_server(refuse: int = 0) -> Iterator[str]:
    """Its base_url. With `refuse`, it answers everything with that status."""
    handler = type("Handler", (_Handler,), {"refuse": refuse})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
