"""The live display of a run: a table on a terminal, else plain lines."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from synth.cli.console import say
from synth.cli.time_left import TimeLeft, in_words
from synth.llm.openai_compatible.client import EndpointClient
from synth.pipeline.progress import Progress, StageCount
from synth.printable import printable_line

# Seconds between two lines of a log, and between two updates of the table and of the time left.
_LINE_EVERY = 3.0
_PICTURE_EVERY = 0.25


class Display:
    """Shows `progress` on stderr, from its own thread, while the `with` block runs."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._rate = _Rate()
        self._time_left = TimeLeft(progress)
        self._left: float | None = None
        self._picture = _Picture() if sys.stderr.isatty() else None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._show, name="synth-display", daemon=True)

    def __enter__(self) -> Display:
        self._progress.on_message = self._picture.say if self._picture else say
        if self._picture:
            self._picture.live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        if self._picture:
            self._picture.live.stop()

    def _show(self) -> None:
        said = time.monotonic()
        while not self._done.wait(_PICTURE_EVERY):
            if not self._progress.stages:
                continue
            now = time.monotonic()
            self._left = self._time_left.seconds(now)
            if self._picture:
                self._picture.show(self._progress.stages, self._foot())
            elif now - said >= _LINE_EVERY:
                said = now
                say(self._line())

    def _line(self) -> str:
        stages = ", ".join(
            f"{stage.name} {stage.passed}/{stage.came}" for stage in self._progress.stages[1:] if stage.came
        )
        return f"{stages} | {self._foot()}" if stages else self._foot()

    def _foot(self) -> str:
        progress = self._progress
        tokens = progress.ledger.completion_tokens if progress.ledger else 0
        in_flight = sum(client.in_flight for client in progress.clients)
        parts = [
            f"{progress.accepted} drafts accepted",
            f"{in_flight} requests in flight",
            f"{self._rate.update(tokens):,.0f} tokens/s",
        ]
        if (rate := progress.prefix_counts.hit_rate) is not None:
            parts.append(f"prefix cache {rate:.0%}")
        if progress.ledger and any(model.config.price for model in progress.models):
            parts.append(f"{progress.ledger.used.usd:.2f} usd")
        if (seconds := self._left) is not None and seconds >= 1:
            parts.append(f"about {in_words(seconds)} left")
        return ", ".join(parts + _waits(progress))


def _waits(progress: Progress) -> list[str]:
    """Servers that do not reply at the moment, with their last error."""
    clients = [client for client in progress.clients if isinstance(client, EndpointClient)]
    servers = [server for client in clients for server in client.stats() if server.state != "ready"]
    return [f"waiting for {server.url}: {server.last_error}" for server in servers]


class _Picture:
    """A table that is redrawn in place. `rich` is imported only if stderr is a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, highlight=False)
        self.live = Live(console=self._console, auto_refresh=False, transient=True)

    def say(self, text: str) -> None:
        """Prints a line above the table."""
        from rich.text import Text

        self._console.print(Text(printable_line(text)), soft_wrap=True)

    def show(self, stages: Sequence[StageCount], foot: str) -> None:
        """Draws the table. Its texts are never read as markup."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        for column in ("stage", "in", "kept", "dropped", "failed", "waiting"):
            left, dim = column == "stage", column == "in"
            table.add_column(column, justify="left" if left else "right", style="dim" if dim else "")
        for stage in stages:
            table.add_row(*map(Text, _cells(stage)))
        self.live.update(Group(table, Text(printable_line(foot))), refresh=True)


class _Rate:
    """Units per second, over the last ten seconds."""

    def __init__(self) -> None:
        self._points: list[tuple[float, int]] = [(time.monotonic(), 0)]

    def update(self, total: int) -> float:
        now = time.monotonic()
        recent = [p for p in self._points if now - p[0] < 10.0][-64:]
        self._points = [*recent, (now, total)]
        first = self._points[0]
        return (total - first[1]) / max(now - first[0], 1e-6)


def _cells(stage: StageCount) -> list[str]:
    return [
        printable_line(stage.name),
        f"{stage.came:,}",
        f"{stage.passed:,}",
        f"{stage.dropped:,}" if stage.dropped else "",
        f"{stage.failed:,}" if stage.failed else "",
        f"{stage.waiting:,}" if stage.waiting else "",
    ]
