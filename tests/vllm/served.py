"""A real vLLM server from `synth serve`, which tests can call, kill and restart."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
REPOSITORY = TESTS.parents[1]
ENVIRONMENT = Path(os.environ.get("SYNTH_VLLM", REPOSITORY / ".venvs" / "vllm"))
PYTHON, MODEL = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "SmolLM2-135M-Instruct"


# The server asks for it, and the recipe says where it is.
KEY = "sk-served-to-tests-alone"


def require_vllm() -> None:
    """Skips where vLLM's environment is not there."""
    if not (ENVIRONMENT / "ready").exists():
        pytest.skip(f"no vLLM in {ENVIRONMENT}: make it with `make vllm-env`, or name it in SYNTH_VLLM")


def heed_ctrl_c() -> None:
    """Tests that run in the background of a shell hand down that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def vllm_variables(folder: Path) -> dict[str, str]:
    """The environment of programs that start vLLM: nothing is asked of a hub, and memory is small."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(TESTS)]),
        "SYNTH_VLLM_PYTHON": str(PYTHON),
        "REQUEST_LOG": str(folder / "requests.jsonl"),
        "SERVED_KEY": KEY,
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CACHE_ROOT": str(folder / "cache"),
        # Of two cores, vLLM would keep one free, bind itself to the other, and wait by spinning, which crawls
        # beside other work.
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": str(os.cpu_count()),
        "OMP_WAIT_POLICY": "PASSIVE",
    }


class Served:
    """`synth serve` of a recipe in `folder`, with more `flags` for vLLM; `url` is its base_url."""

    def __init__(self, folder: Path, model: Path = MODEL, flags: Sequence[str] = ()) -> None:
        self.folder = folder
        self._served = model
        self._flags = ["--enforce-eager", "--middleware", "request_log.RequestLog", *flags]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
        self.recipe = folder / "recipe.yaml"
        write_recipe(folder, {**self.model, "context": 2048}, [{"respond": {}}], {"prompts": "none.jsonl"})
        self.log = folder / "requests.jsonl"
        self._process: subprocess.Popen[str] | None = None
        self._pid = 0

    def start(self) -> None:
        """Returns when it is up; fails with its log where it does not come up."""
        with (self.folder / "serve.log").open("a") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "synth", "serve", self.recipe, "--json", "--", *self._flags],
                env=vllm_variables(self.folder),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                preexec_fn=heed_ctrl_c,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, (self.folder / "serve.log").read_text()[-5000:]
        (said,) = json.loads(line)["servers"]
        assert said["url"] == self.url
        self._pid = said["pid"]

    def kill(self) -> tuple[int, str]:
        """`kill -9` of the server and its children; the exit code and last words of `synth serve`."""
        os.killpg(self._pid, signal.SIGKILL)
        return self._wait()

    def stop(self) -> tuple[int, str]:
        """Ctrl-C; the exit code and the last words."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._wait()

    def _wait(self) -> tuple[int, str]:
        assert self._process is not None
        code = self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code, (self.folder / "serve.log").read_text().splitlines()[-1]

    @property
    def model(self) -> dict[str, Any]:
        """A recipe's words for it; patient for longer than it takes to start again on a busy machine."""
        return {
            "model": str(self._served),
            "base_url": self.url,
            "api_key_env": "SERVED_KEY",
            "give_up_after": 600,
        }

    @property
    def is_running(self) -> bool:
        """Whether `synth serve` is."""
        return self._process is not None and self._process.poll() is None

    def command_line(self) -> str:
        """What everybody on this machine can read of the server."""
        return Path(f"/proc/{self._pid}/cmdline").read_text()

    def requests(self, what: str) -> list[dict[str, Any]]:
        """The bodies that were `asked`, or `answered`, in order, over all starts."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        return [json.loads(line[what]) for line in lines if what in line]

    def asked_after_an_answer(self, *, within: str) -> Counter[str]:
        """Bodies with `within` in them that came again after they had been answered, and how often."""
        answered: set[str] = set()
        again: Counter[str] = Counter()
        for line in map(json.loads, self.log.read_text().splitlines()):
            ((what, body),) = line.items()
            if within not in body:
                continue
            if what == "answered":
                answered.add(body)
            elif body in answered:
                again[body] += 1
        assert answered, f"no body has {within!r} in it"
        return again


def write_recipe(folder: Path, model: dict[str, Any], stages: list[Any], sources: dict[str, str]) -> Path:
    """A recipe whose writer, and judge, is `model`."""
    recipe = {"name": "real", "models": {"writer": model}, "sources": sources, "stages": stages}
    file = folder / "recipe.yaml"
    file.write_text(json.dumps(recipe))
    return file


def write_lines(file: Path, rows: list[dict[str, str]]) -> None:
    """JSON lines."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def seeds(count: int) -> list[dict[str, str]]:
    """Requests and answers, all different."""
    things = ("lamp", "kettle", "printer", "bicycle", "radio", "clock", "oven", "camera")
    return [
        {
            "instruction": f"My {things[i % 8]} number {i} stopped working. What should I do?",
            "response": f"Switch it off, wait {i + 2} minutes, and read page {3 * i + 1} of its booklet.",
        }
        for i in range(count)
    ]


def command(recipe: Path) -> list[str]:
    """`synth run`."""
    return [sys.executable, "-m", "synth", "run", str(recipe), "--json"]


def run(recipe: Path) -> dict[str, Any]:
    """The summary of a run that ended well."""
    done = subprocess.run(
        command(recipe), capture_output=True, text=True, check=False, cwd=recipe.parent,
        env=vllm_variables(recipe.parent),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
