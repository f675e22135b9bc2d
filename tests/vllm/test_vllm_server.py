"""`synth serve` as a process with signals: a small server with children replaces vLLM here."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from served import heed_ctrl_c

REPOSITORY = Path(__file__).resolve().parents[2]

# Answers /health, and has a child that does not care for signals, as vLLM's engine does not.
STAND_IN = """
import http.server, os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal, time\\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN)\\ntime.sleep(600)"])
print("child", child.pid, flush=True)
print("key", os.environ.get("VLLM_API_KEY"), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
PROGRAM = """
import json, sys
from synth.errors import SynthError
from synth.llm.vllm.server import Start, serve
start = Start(json.loads(sys.argv[1]), {"VLLM_API_KEY": "sk-local"}, sys.argv[2], "stand-in")
try:
    serve([start], ready=lambda servers: print(servers[0].process.pid, flush=True),
          log=lambda line: print(line, file=sys.stderr, flush=True))
except KeyboardInterrupt:
    sys.exit(130)
except SynthError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(port: int, code: str = STAND_IN) -> subprocess.Popen[str]:
    command = json.dumps([sys.executable, "-c", code, str(port)])
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, command, f"http://127.0.0.1:{port}/v1"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    )


def said(process: subprocess.Popen[str], word: str) -> str:
    """The rest of the first line on stderr that begins with `word`."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(word + " "):
            return line.split()[1]
    raise AssertionError(f"it never said {word}")


def is_gone(pid: int) -> bool:
    for _ in range(600):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("sent", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGTERM, signal.SIGTERM]])
def test_a_signal_ends_the_server_and_its_children(sent: list[signal.Signals]) -> None:
    with started(free_port()) as process:
        child = int(said(process, "child"))
        assert said(process, "key") == "sk-local"
        assert process.stdout is not None
        server = int(process.stdout.readline())
        for number in sent:
            process.send_signal(number)
            time.sleep(0.3)
        assert process.wait(60) == 130
        assert is_gone(server)
        assert is_gone(child)


def test_a_server_that_ends_says_why() -> None:
    code = "import sys; print('ValueError: no such model'); print('bye'); sys.exit(7)"
    with started(free_port(), code) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "stand-in: vLLM ended with exit code 7: ValueError: no such model" in errors


def test_a_server_killed_later_is_noticed() -> None:
    with started(free_port()) as process:
        child = int(said(process, "child"))
        assert process.stdout is not None
        os.kill(int(process.stdout.readline()), signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 3
        assert "vLLM ended with exit code -9" in errors
        assert is_gone(child)


def test_a_port_in_use_is_said_before_anything_is_loaded() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with started(taken.getsockname()[1]) as process:
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "cannot be used: Address already in use" in errors


def synth(*words: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SYNTH_VLLM_PYTHON": python}
    return subprocess.run(
        [sys.executable, "-m", "synth", "serve", *words],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_vllm_the_command_to_type_is_named() -> None:
    done = synth("--model", "owner/name", "--json")
    assert done.returncode == 3
    assert "pip install 'vllm>=0.20'" in json.loads(done.stdout)["error"]["hint"]


def test_without_recipe_and_model_it_says_what_to_name() -> None:
    done = synth("--", "--enforce-eager")
    assert done.returncode == 2
    assert "synth serve RECIPE" in done.stderr
