"""What a run looks like while it runs: a table that moves, or plain lines where nobody watches a terminal."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from synth.pipeline.progress import Progress, StageCount

# Seconds between two lines of a log, and between two pictures of a terminal.
_LINE_EVERY = 5.0
_PICTURE_EVERY = 0.25


class Display:
    """Shows `progress` on stderr from a thread of its own, as long as the `with` block lasts."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True) if _watched() else None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._show, name="synth-display", daemon=True)
        self._rate = _Rate()

    def __enter__(self) -> Display:
        self._progress.on_message = self._say
        if self._live:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        if self._live:
            self._live.stop()

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False)

    def _show(self) -> None:
        while not self._done.wait(_PICTURE_EVERY if self._live else _LINE_EVERY):
            if not self._progress.stages:
                continue
            if self._live:
                self._live.update(self._table(), refresh=True)
            else:
                self._console.print(self._line(), soft_wrap=True, markup=False)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, caption=self._foot(), caption_justify="left")
        for column in ("stage", "in", "kept", "dropped", "failed", "waiting"):
            table.add_column(
                column,
                justify="left" if column == "stage" else "right",
                style="dim" if column == "in" else "",
            )
        for stage in self._progress.stages:
            table.add_row(*_cells(stage))
        return table

    def _line(self) -> str:
        stages = ", ".join(
            f"{stage.name} {stage.passed}/{stage.came}" for stage in self._progress.stages[1:] if stage.came
        )
        return f"{stages} | {self._foot()}"

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
        if eta := _eta(progress):
            parts.append(f"about {eta} left")
        return ", ".join(parts)


class _Rate:
    """Units a second over the last seconds."""

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
        stage.name,
        f"{stage.came:,}",
        f"{stage.passed:,}",
        f"{stage.dropped:,}" if stage.dropped else "",
        f"{stage.failed:,}" if stage.failed else "",
        f"{stage.waiting:,}" if stage.waiting else "",
    ]


def _eta(progress: Progress) -> str | None:
    """Time left at the pace so far, where it is known how much there is to do."""
    if not progress.expected:
        return None
    share = progress.arrived / progress.expected
    if not 0.02 < share < 1:
        return None
    seconds = (time.monotonic() - progress.started) * (1 / share - 1)
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


def _watched() -> bool:
    return sys.stderr.isatty()
