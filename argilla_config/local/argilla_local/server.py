"""Runs the server: prepares everything around it, then runs uvicorn until a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import argilla_server
import uvicorn
from argilla_server.database import AsyncSessionLocal

from argilla_local import database
from argilla_local.engine import SqliteSearchEngine, register_engine
from argilla_local.files import Credentials
from argilla_local.guard import HostGuard
from argilla_local.jobs import JobRunner, play_redis
from argilla_local.page import PageGuard

_STOP_SECONDS = 5


@dataclass(frozen=True)
class Options:
    host: str
    extra_names: tuple[str, ...]
    remote_content: bool
    stop_with_stdin: bool


def run(
    options: Options, listener: socket.socket, credentials: Credentials, ready: Callable[[], None]
) -> None:
    """Serves on `listener` until SIGINT or SIGTERM. Calls `ready` when it can answer requests."""
    database.prepare()
    database.connect()
    play_redis()
    register_engine(SqliteSearchEngine(AsyncSessionLocal, reads_ahead=True))
    asyncio.run(_serve(options, listener, credentials, ready))


async def _serve(
    options: Options, listener: socket.socket, credentials: Credentials, ready: Callable[[], None]
) -> None:
    await database.ensure_owner(credentials)
    page = PageGuard(argilla_server.app)
    app = HostGuard(page, options.host, options.extra_names, remote_content=options.remote_content)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
        # There is no proxy, so any client could send the headers that a proxy would set.
        proxy_headers=False,
    )
    server = _Server(config, ready)
    loop = asyncio.get_running_loop()
    for stop_signal in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(stop_signal, server.stop)
    if options.stop_with_stdin:
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    jobs = JobRunner()
    jobs.start()
    try:
        await server.serve(sockets=[listener])
    finally:
        jobs.stop()


class _Server(uvicorn.Server):
    """uvicorn that reports when it is up, and that stops without raising the signal again."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            # The 300,000 objects that are loaded by now stay in memory. Without `freeze`, the garbage
            # collector would scan all of them again and again, and each scan would block all requests for
            # 0.2 s.
            gc.collect()
            gc.freeze()
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.should_exit = True


def _stop_with_stdin(server: _Server) -> None:
    """Stops when the process that started the server ends, even by a kill: its end of the pipe closes."""
    sys.stdin.buffer.read()
    server.stop()
