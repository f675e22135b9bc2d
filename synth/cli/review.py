"""`synth review serve` and `synth review users`: a local Argilla, and who may work on it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from synth.cli.errors import say

review_app = typer.Typer(
    help="Review rows in Argilla: a local server, and its annotators.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@review_app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="The port; 6900 by default.")] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDR", help="Another address opens it to a network.")
    ] = "127.0.0.1",
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Where its data are kept.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the address and the account as JSON.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")] = False,
) -> int:
    """Start a local Argilla and stay with it; Ctrl-C stops it and keeps its data."""
    from synth.review.server import DEFAULT_PORT, LocalServer
    from synth.review.server import serve as serve_argilla

    def ready(server: LocalServer) -> None:
        if as_json:
            print(json.dumps(asdict(server)), flush=True)
        else:
            say(f"Argilla is at {server.url}: user {server.username}, password {server.password}")

    serve_argilla(DEFAULT_PORT if port is None else port, host, data, ready=ready, progress=say)
    return 0


@review_app.command()
def users(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Annotators to make.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")] = False,
) -> int:
    """Make annotators on the running server and print each password once; without names, list them."""
    from synth.review.accounts import list_accounts, make_annotators
    from synth.review.server import find

    server = find()
    accounts = make_annotators(server, names) if names else list_accounts(server)
    if as_json:
        print(json.dumps([asdict(account) for account in accounts]))
        return 0
    for account in accounts:
        password = f"  password {account.password} (shown this once)" if account.password else ""
        print(f"{account.username}  {account.role}{password}")
    return 0
