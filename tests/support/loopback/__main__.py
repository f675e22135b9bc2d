"""`python -m tests.support.loopback`: runs the server until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import orjson

from tests.support.loopback.app import App
from tests.support.loopback.http import Connection
from tests.support.loopback.settings import Settings


def main() -> None:
    """Parses the command line: one option for each of `Settings`, and `--port`, `--log`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--log", type=Path, help="append a line for each completion to this file")
    for setting in fields(Settings):
        flag = "--" + setting.name.replace("_", "-")
        if isinstance(setting.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=setting.default)
        elif setting.default is not MISSING:
            parser.add_argument(flag, type=type(setting.default), default=setting.default)
    options = vars(parser.parse_args())
    port, log = options.pop("port"), options.pop("log")
    asyncio.run(_serve(Settings(**options), port, log))


async def _serve(settings: Settings, port: int, log: Path | None) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with contextlib.ExitStack() as files:
        app = App(settings, files.enter_context(log.open("a")) if log else None)
        server = await loop.create_server(lambda: Connection(app.handle), "127.0.0.1", port, backlog=4096)
        taken = server.sockets[0].getsockname()[1]
        sys.stdout.write(orjson.dumps({"url": f"http://127.0.0.1:{taken}/v1", "port": taken}).decode() + "\n")
        sys.stdout.flush()
        await stop.wait()
        server.close()


if __name__ == "__main__":
    main()
