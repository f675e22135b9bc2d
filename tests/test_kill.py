"""`kill -9` of the process group at random moments, then the same command: nothing is lost or asked twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import orjson
import pytest

from synth.api import export
from synth.store import RunFolder
from synth.store.journal import read_records
from tests.support.loopback.process import LoopbackProcess

LOOPBACK_KILLS = 30
EMBEDDED_KILLS = 10


def command(recipe: Path, out: Path, *settings: str) -> list[str]:
    words = [sys.executable, "-m", "synth", "run", str(recipe), "--out", str(out), "--json"]
    for setting in settings:
        words += ["--set", setting]
    return words


def killed(words: list[str], seconds: float) -> bool:
    """Starts the command, kills its group after so many seconds; whether it was still running then."""
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True
    return False


def to_the_end(words: list[str]) -> dict[str, int]:
    done = subprocess.run(words, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    summary: dict[str, int] = orjson.loads(done.stdout)
    return summary


def journal(out: Path) -> Counter[str]:
    file = RunFolder(out).journal
    return Counter(record.identity for _, record in read_records(file)) if file.exists() else Counter()


def prompts_in_journal(out: Path) -> Counter[bytes]:
    """How many requests with the same messages have a reply there."""
    file = RunFolder(out).journal
    if not file.exists():
        return Counter()
    return Counter(orjson.dumps(orjson.loads(record.request)["messages"]) for _, record in read_records(file))


def prompts_asked(server: LoopbackProcess) -> Counter[bytes]:
    """How often the server was sent the same messages, since it started."""
    return Counter(orjson.dumps(each["body"]["messages"]) for each in server.log(bodies=True)["bodies"])


def exported(out: Path) -> dict[str, bytes]:
    folder = export(out).folder
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.mark.timeout(600)
def test_kills_on_the_loopback_server(desk: Path, tmp_path: Path) -> None:
    """Killed again and again until a run gets through; the export is that of an undisturbed run."""
    chance = random.Random(11)
    recipe = desk.read_text().replace("{provider: fake}", "{model: fake, base_url: 'URL', sampling: {}}")
    with LoopbackProcess(latency=0.15, jitter=0.5, record=True) as server:
        desk.write_text(recipe.replace("URL", server.url))
        to_the_end(command(desk, tmp_path / "still"))
        undisturbed = exported(tmp_path / "still")
        kills = rounds = 0
        while kills < LOOPBACK_KILLS:
            out = tmp_path / f"out{rounds}"
            rounds += 1
            running = True
            calls: list[tuple[Counter[bytes], Counter[bytes]]] = []
            while running and kills < LOOPBACK_KILLS:
                before, had, asked = journal(out), prompts_in_journal(out), prompts_asked(server)
                running = killed(command(desk, out), chance.uniform(0.5, 2.0))
                kills += running
                after = journal(out)
                assert before <= after
                assert set(after.values()) <= {1}, "a reply is in the journal twice"
                calls.append((had, prompts_asked(server) - asked))
            had, asked = prompts_in_journal(out), prompts_asked(server)
            to_the_end(command(desk, out))
            calls.append((had, prompts_asked(server) - asked))
            assert set(journal(out).values()) == {1}
            wanted = prompts_in_journal(out)
            for had, sent in calls:
                # Of messages that the journal held when a call began, it sent no more than was missing.
                again = {prompt for prompt in had if had[prompt] + sent[prompt] > wanted[prompt]}
                assert not again, "what the journal held was sent again"
            assert exported(out) == undisturbed


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_kills_on_the_embedded_model(desk: Path, tmp_path: Path) -> None:
    """No reply in the journal is asked for again, and every row is accounted for at the end."""
    chance = random.Random(5)
    settings = (
        "models.writer.provider=embedded",
        "stages=[{generate: {count: 6, shots: 2, sampling: {temperature: 0.8, max_tokens: 80}}}]",
    )
    out = tmp_path / "out"
    start = time.monotonic()
    for _ in range(EMBEDDED_KILLS):
        before = journal(out)
        if not killed(command(desk, out, *settings), chance.uniform(2.0, 9.0)):
            out = tmp_path / f"out{time.monotonic() - start:.0f}"
            continue
        after = journal(out)
        assert before <= after
        assert set(after.values()) <= {1}
    summary = to_the_end(command(desk, out, *settings))
    assert set(journal(out).values()) == {1}
    assert summary["pending"] == 0
    assert summary["accepted"] > 0


@pytest.mark.parametrize("waiting", [False, True], ids=["answers come", "nobody answers"])
def test_ctrl_c_ends_it_at_once_and_it_goes_on(desk: Path, tmp_path: Path, waiting: bool) -> None:
    """Exit 130 with what was answered on disk, also where the process only waits for the server."""
    recipe = desk.read_text().replace("{provider: fake}", "{model: fake, base_url: 'URL', sampling: {}}")
    with LoopbackProcess(latency=600.0 if waiting else 0.2, record=True) as server:
        desk.write_text(recipe.replace("URL", server.url))
        out = tmp_path / "out"
        # A shell's background job hands down that SIGINT is ignored.
        process = subprocess.Popen(
            command(desk, out),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        wanted = "requests" if waiting else "answered"
        while server.log()[wanted] == 0:
            assert process.poll() is None, "it ended before it was interrupted"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=60)
        assert process.returncode == 130, words.decode()
        had = journal(out)
        assert waiting or had
        server.control(latency=0.05)
        to_the_end(command(desk, out))
        assert had <= journal(out)
        assert set(journal(out).values()) == {1}
