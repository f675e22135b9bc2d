"""Measures the time from `synth review serve` to a signed-in user, for the first start and for later ones.

    python -m benchmarks.argilla_start --starts 5

The first start has an empty cache and no data. It makes the server's environment (pip without its cache, so
every package is downloaded), the database and the owner. Later starts find all of this. The time ends after a
sign-in, when the page and the list of datasets are loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode


def start(home: Path) -> tuple[float, float]:
    """Seconds until the command prints the address, and until a user is signed in."""
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "PIP_NO_CACHE_DIR": "1",
    }
    began = time.perf_counter()
    command = [sys.executable, "-m", "synth", "review", "serve", "--json", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    server = json.loads(process.stdout.readline())
    up = time.perf_counter() - began
    sign_in(server)
    signed_in = time.perf_counter() - began
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    return up, signed_in


def sign_in(server: dict[str, Any]) -> None:
    """Sends the requests that the page sends before it shows the datasets."""
    with urllib.request.urlopen(server["url"]) as page:
        assert b"argilla" in page.read().lower()
    form = urlencode({"username": server["username"], "password": server["password"]}).encode()
    with urllib.request.urlopen(f"{server['url']}/api/v1/token", form) as answer:
        token = json.load(answer)["access_token"]
    for path in ("me", "me/datasets"):
        request = urllib.request.Request(
            f"{server['url']}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request) as answer:
            json.load(answer)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=5, help="starts after the first one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        first = start(Path(folder))
        print("| start | address printed, s | signed in, s |\n|---|---:|---:|", flush=True)
        print(f"| first, with the installation | {first[0]:.1f} | {first[1]:.1f} |", flush=True)
        later = [start(Path(folder)) for _ in range(arguments.starts)]
    for name, pick in (("median", statistics.median), ("slowest", max)):
        up, signed_in = (pick([each[i] for each in later]) for i in (0, 1))
        print(f"| later ones, {name} of {arguments.starts} | {up:.1f} | {signed_in:.1f} |")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", file=sys.stderr)


if __name__ == "__main__":
    main()
