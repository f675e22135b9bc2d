"""Measures a whole `synth run` of given prompts on a loopback server: rate, CPU time, memory.

    python benchmarks/respond_throughput.py --rows 10000 --at-once 64 256
    python benchmarks/respond_throughput.py --peers FOLDER --clients synth distilabel curator

The server answers after a fixed time, a fixed number of requests at once; the ideal is its maximum rate. The
same run measures bare aiohttp with JSON lines, the openai package, and the peers whose environments are in
FOLDER (benchmarks/peers/README.md says how to make them).

Each client is a fresh process with an empty folder as its home, so there is no cache. It fails if a prompt
has no answer at the end. The rate is that of the whole process with its start. The CPU time is that of all
its processes, and the peak memory that of the largest one.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from peers.common import question

import synth
from tests.support.loopback.process import LoopbackProcess

JOBS = Path(__file__).resolve().parent / "peers"
RECIPE = """\
name: bench
models: {{writer: {{model: fake, base_url: '{url}', sampling: {{max_tokens: 64}}}}}}
sources: {{prompts: prompts.jsonl}}
stages: [respond: {{}}]
"""
# No client may use the network for other things, or draw on a terminal.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "TELEMETRY_ENABLED": "false",
    "NEMO_TELEMETRY_ENABLED": "false",
    "CURATOR_DISABLE_CACHE": "true",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
}

# The name of each client in the table, its script next to common.py, and its environment in FOLDER.
BASELINES = {
    "aiohttp": ("bare aiohttp, JSON lines", "aiohttp_job.py"),
    "openai": ("openai, default transport", "openai_job.py"),
}
PEERS = {
    "curator": ("curator_job.py", "bespokelabs-curator"),
    "sdg_hub": ("sdg_hub_job.py", "sdg_hub"),
    "DataDesigner": ("data_designer_job.py", "data-designer"),
    "distilabel": ("distilabel_job.py", "distilabel"),
}

Command = Callable[[Path, str, int, int], list[str]]


@dataclass(frozen=True, slots=True)
class Client:
    """The name in the table, and the command for (empty folder, url, rows, at once)."""

    name: str
    command: Command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--latency", type=float, default=0.1, help="seconds")
    parser.add_argument("--peers", type=Path, help="the folder of the peers' environments")
    parser.add_argument("--clients", nargs="+", help="only these: aiohttp, openai, synth, curator, ...")
    options = parser.parse_args()
    clients = _clients(options.peers, options.clients)
    # Like an installed package, so that compilation is not measured.
    compileall.compile_dir(Path(synth.__file__).parent, quiet=1)
    print("| client | in flight | rows | requests/s | of the ideal | CPU s per 1,000 | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for at_once in options.at_once:
        for client in clients:
            with LoopbackProcess(latency=options.latency, capacity=at_once, canned=True) as server:
                _measure(client, server.url, options.rows, at_once, options.latency)


def _clients(peers: Path | None, only: list[str] | None) -> list[Client]:
    """Our client, the baselines and the available peers. Reports the missing peers."""
    clients = {key: Client(name, _job(script, sys.executable)) for key, (name, script) in BASELINES.items()}
    clients["synth"] = Client("synth run", _synth)
    for name, (script, environment) in PEERS.items() if peers else ():
        python = peers.absolute() / environment / "bin" / "python"
        if python.exists():
            clients[name] = Client(name, _job(script, str(python)))
        else:
            print(f"{name} is left out: there is no {python}", file=sys.stderr)
    if unknown := set(only or ()) - set(clients):
        sys.exit(f"no client {', '.join(sorted(unknown))}; there are {', '.join(clients)}")
    return [client for key, client in clients.items() if not only or key in only]


def _job(script: str, python: str) -> Command:
    def command(_folder: Path, url: str, rows: int, at_once: int) -> list[str]:
        # -E: PYTHONPATH names our code, which must not be in a peer's environment.
        return [python, "-E", str(JOBS / script), url, str(rows), str(at_once)]

    return command


def _synth(folder: Path, url: str, rows: int, _at_once: int) -> list[str]:
    with (folder / "prompts.jsonl").open("w") as prompts:
        for i in range(rows):
            prompts.write(json.dumps({"instruction": question(i)}) + "\n")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(url=url))
    return [sys.executable, "-m", "synth", "run", str(recipe), "--json"]


def _measure(client: Client, url: str, rows: int, at_once: int, latency: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = client.command(Path(folder), url, rows, at_once)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        peak, output = _run(command, folder)
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if client.command is _synth and json.loads(output.splitlines()[-1])["accepted"] != rows:
        sys.exit(f"synth run did not end with {rows} answers: {output}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = rows / seconds
    print(
        f"| {client.name} | {at_once} | {rows:,} | {rate:,.0f} | {rate / (at_once / latency):.2f}"
        f" | {processor / rows * 1000:.2f} | {peak:.0f} |",
        flush=True,
    )


def _run(command: list[str], folder: str) -> tuple[float, str]:
    """Runs the command. Returns its peak memory in MiB and its output."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=2);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    environment = {**os.environ, **OFFLINE, "HOME": folder, "XDG_CACHE_HOME": f"{folder}/cache"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return float(done.stdout), done.stderr


if __name__ == "__main__":
    main()
