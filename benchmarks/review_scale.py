"""Pushes and pulls many records with a real local Argilla: time, memory, and the server's CPU time.

    python -m benchmarks.review_scale --records 10000

Each command (`synth review push|pull`) is a separate process, to measure its own peak memory. In between, one
user answers every record through the API's bulk route.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from synth.review.local_argilla import LocalServer
from tests.export.export_runs import drafts, make_run
from tests.review.argilla_circle import argilla, records_of
from tests.review.local_argilla import call

ROOT = Path(__file__).parent.parent


def measured(*arguments: str, home: Path) -> tuple[float, float, float, str]:
    """(seconds, processor seconds, peak MiB, stdout) of a `synth` command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_DATA_HOME": str(home)}
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "synth", *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, printed
    seconds = time.monotonic() - started
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, printed


def server_seconds(server: LocalServer) -> float:
    """The CPU seconds of the server's process so far."""
    user, system = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def answer_all(server: LocalServer, dataset: str) -> int:
    """Answers every record as the owner. Every fifth answer is an edit."""
    datasets = call(server, "GET", "/api/v1/me/datasets")[1]["items"]
    key = next(item["id"] for item in datasets if item["name"] == dataset)
    me = call(server, "GET", "/api/v1/me")[1]["id"]
    records = records_of(server, dataset)
    for start in range(0, len(records), 250):
        items = [
            {
                "id": record["id"],
                "responses": [
                    {
                        "user_id": me,
                        "status": "submitted",
                        "values": {
                            "response": {"value": record["draft"] + (" Edited." if number % 5 == 0 else "")},
                            "quality": {"value": 4},
                        },
                    }
                ],
            }
            for number, record in enumerate(records[start : start + 250], start)
        ]
        status, content, _ = call(server, "PUT", f"/api/v1/datasets/{key}/records/bulk", {"items": items})
        assert status == 200, content
    return len(records)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=10_000)
    count = parser.parse_args().records
    lines = []
    with tempfile.TemporaryDirectory() as place, argilla(Path(place) / "home") as server:
        home = Path(place) / "home"
        run = make_run(Path(place) / "run", drafts(count))
        recipe = json.loads((run / "recipe.json").read_text())
        recipe["review"] = {"task": "edit", "rows": "all", "sample": {"random": 1.0}}
        (run / "recipe.json").write_text(json.dumps(recipe))
        running = server.running
        for what, arguments in (
            (f"push of {count}", ("push",)),
            ("push again", ("push",)),
            ("pull without an answer", ("pull",)),
            (f"pull of {count} answers", ("pull",)),
            ("pull again", ("pull",)),
        ):
            if what.startswith("pull of"):
                assert answer_all(running, "tiny") == count
            before = server_seconds(running)
            seconds, worked, memory, printed = measured("review", *arguments, str(run), "--json", home=home)
            served = server_seconds(running) - before
            lines.append((what, seconds, worked, memory, served))
            print(what, printed.strip()[:200], file=sys.stderr, flush=True)
    print("\n| | s | CPU s | CPU s of the server | peak MiB |\n|---|---|---|---|---|")
    for what, seconds, worked, memory, served in lines:
        print(f"| {what} | {seconds:.1f} | {worked:.1f} | {served:.1f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
