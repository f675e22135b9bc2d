"""The command line: `python -m argilla_local serve`."""

from __future__ import annotations

import argparse
import errno
import json
import os
import socket
import sys
from pathlib import Path
from typing import TextIO

from argilla_local.environment import configure
from argilla_local.files import (
    Credentials,
    DataFolderError,
    forget_state,
    load_credentials,
    lock,
    write_private_json,
)
from argilla_local.guard import is_loopback

DEFAULT_PORT = 6900
EXIT_ARGUMENTS = 2
EXIT_MACHINE = 4
NETWORK_WARNING = (
    "argilla-local: warning: everybody on this network can open the sign-in page, and what they send travels "
    "unencrypted. Use a network you trust, or a proxy with HTTPS in front."
)


def main() -> int:
    arguments = _parser().parse_args()
    # Standard output has one JSON document. Everything that the server prints is a log and goes to stderr.
    output, sys.stdout = sys.stdout, sys.stderr
    data = arguments.data.expanduser().resolve()
    try:
        listener = _listen(arguments.host, arguments.port)
    except socket.gaierror as error:
        return _fail(f"{arguments.host!r} is no address of this machine: {error.strerror}.", EXIT_ARGUMENTS)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return _fail(f"{arguments.host} is no address of this machine.", EXIT_ARGUMENTS)
        why = f"cannot listen on {arguments.host}:{arguments.port}: {error.strerror}."
        return _fail(f"{why} Does another program use the port? Set --port; 0 selects a free port.")
    if not is_loopback(arguments.host):
        print(NETWORK_WARNING, file=sys.stderr)
    try:
        with listener, lock(data):
            _serve(arguments, data, listener, output)
    except (DataFolderError, OSError) as error:
        return _fail(str(error))
    return 0


def _fail(message: str, exit_code: int = EXIT_MACHINE) -> int:
    print(f"argilla-local: {message}", file=sys.stderr)
    return exit_code


def _serve(arguments: argparse.Namespace, data: Path, listener: socket.socket, output: TextIO) -> None:
    os.umask(0o077)
    credentials = load_credentials(data)
    configure(data, credentials)
    # Imported here, because the server reads its settings from the environment when it is imported.
    from argilla_local.server import Options, run

    state = _state(arguments.host, listener, credentials)

    def ready() -> None:
        if arguments.state:
            write_private_json(arguments.state, state)
        print(json.dumps(state), file=output, flush=True)

    options = Options(
        host=arguments.host,
        extra_names=tuple(arguments.allow_name),
        remote_content=arguments.remote_content,
        stop_with_stdin=arguments.stop_with_stdin,
    )
    try:
        run(options, listener, credentials, ready)
    finally:
        if arguments.state:
            forget_state(arguments.state, state)


def _state(host: str, listener: socket.socket, credentials: Credentials) -> dict[str, str | int]:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return {
        "url": f"http://{shown}:{listener.getsockname()[1]}",
        "username": credentials.username,
        "password": credentials.password,
        "api_key": credentials.api_key,
        "pid": os.getpid(),
    }


def _listen(host: str, port: int) -> socket.socket:
    """Opens the socket before the slow part of the start, so that a used port is reported at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen()
    return listener


def _port(given: str) -> int:
    number = int(given)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return number


def _host(given: str) -> str:
    """Refuses an empty address: it would open the server to every network without a warning."""
    if not given.strip():
        raise argparse.ArgumentTypeError("an address is not empty; 0.0.0.0 means every network")
    return given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="argilla-local", description=sys.modules["argilla_local"].__doc__)
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="run Argilla until Ctrl-C")
    serve.add_argument("--data", type=Path, default=Path("argilla-data"), help="folder of the database")
    serve.add_argument("--port", type=_port, default=DEFAULT_PORT, help="0 selects a free port")
    serve.add_argument(
        "--host", type=_host, default="127.0.0.1", help="any other address opens it to a network"
    )
    serve.add_argument(
        "--state", type=Path, help="file (mode 0600) with address and credentials, while it runs"
    )
    serve.add_argument(
        "--allow-name",
        action="append",
        default=[],
        metavar="NAME",
        help="accept requests for this host name",
    )
    serve.add_argument(
        "--remote-content", action="store_true", help="let the page load images and scripts from other hosts"
    )
    serve.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input is closed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
