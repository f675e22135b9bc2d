"""A small support desk to run, and a loopback server to run it against."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.odd_server import OddServer, odd_server
from tests.support.loopback.process import LoopbackProcess

# How long an example takes says how busy the machine is, and nothing about the code. The same examples each
# time, so that a commit passes or fails for what is in it; `--hypothesis-profile=search` looks for new ones.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("search"), derandomize=True)
settings.load_profile("steady")


# A shell lets what it starts in the background ignore Ctrl-C, and so would every process of these tests.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--recipes", type=int, default=200, help="How many random recipes tests/fuzz tries.")
    parser.addoption("--first-recipe", type=int, default=0, help="The number of the first one.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Deals the random recipes out to the tests that want some: `recipes(2, 3)` is the second of three."""
    mark = metafunc.definition.get_closest_marker("recipes")
    if mark is not None:
        first, count = (metafunc.config.getoption(name) for name in ("--first-recipe", "--recipes"))
        number, tests = mark.args
        seeds = [seed for seed in range(first, first + count) if seed % tests == number - 1]
        metafunc.parametrize("recipe_seed", seeds)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints how long each example took, so that somebody sees when one gets slow."""
    done = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [row for row in (dict(report.user_properties) for report in done) if "example" in row]
    if rows:
        terminalreporter.section("examples on the embedded model, in seconds")
    for row in rows:
        times = f"{row['seconds']:6.1f}, of the processor {row['processor_seconds']:6.1f}"
        terminalreporter.write_line(f"{times}  {row['example']}")


SUBJECTS = (
    "calendar sync", "double booking", "card payment", "invoice address", "password reset", "SMS reminder",
    "time zone", "waiting list", "team member", "opening hours", "cancelled plan", "data export",
)  # fmt: skip
VERBS = ("stopped working after", "looks wrong since", "cannot be changed during", "went missing before")
WHEN = ("the update on Monday", "our move to Lisbon", "a holiday", "the new contract", "last night's outage")


def seed_lines(count: int) -> list[str]:
    """Distinct seeds, short and plain."""
    lines = []
    for i in range(count):
        subject = SUBJECTS[i % 12]
        request = f"My {subject} {VERBS[i % 4]} {WHEN[i % 5]} number {i}. What should I do?"
        answer = f"Open the {subject} settings, note reference {i * 37}, and save them again."
        lines.append(json.dumps({"instruction": request, "response": answer}))
    return lines


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with 60 seeds and a recipe for the fake model; with `ones.jsonl`, its judge scores 1."""
    (tmp_path / "ones.jsonl").write_text('{"text": {"score": 1}}\n')
    (tmp_path / "seeds.jsonl").write_text("\n".join(seed_lines(60)) + "\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: desk\nseed: 3\nmodels:\n  writer: {provider: fake}\n  judge: {provider: fake, model: judge}\n"
        "sources: {seeds: seeds.jsonl}\nholdout: {rows: 8}\n"
        "stages:\n  - generate: {count: 40}\n  - standardise: {}\n  - dedupe: {}\n"
        "  - score: {rubric: quality, keep: '>= 2'}\n"
    )
    return recipe


@pytest.fixture
def server() -> Iterator[OddServer]:
    """A server in this process, whose every answer a test may choose."""
    with odd_server() as server:
        yield server


@pytest.fixture
def loopback() -> Iterator[LoopbackProcess]:
    """A server of its own, in a process of its own."""
    with LoopbackProcess(record=True) as server:
        yield server
