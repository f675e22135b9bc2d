"""`synth review ...`: a local Argilla, who may work on it, and the way of rows there and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from synth.cli.console import help_without_command, print_json, say
from synth.cli.run_name import RunName

review_app = typer.Typer(
    help="Review rows in Argilla: a local server, its annotators, and the way there and back.",
    rich_markup_mode=None,
)


@review_app.callback(invoke_without_command=True)
def _options(context: typer.Context) -> None:
    help_without_command(context)


@review_app.command()
def serve(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port; 6900 by default, 0 takes a free one.")
    ] = None,
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
            print_json(asdict(server))
        else:
            say(f"Argilla is at {server.url}: user {server.username}, password {server.password}")

    serve_argilla(DEFAULT_PORT if port is None else port, host, data, ready=ready, progress=say)
    return 0


@review_app.command()
def users(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Annotators to make.")
    ] = None,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Give annotators who are there already a new one.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")] = False,
) -> int:
    """Make annotators on the running server and print each password once; without names, list them."""
    from synth.cli.review_tables import print_account
    from synth.errors import InputError
    from synth.review.accounts import list_accounts, make_annotators
    from synth.review.server import find

    if new_password and not names:
        raise InputError("--new-password needs the names of those who get one.")
    server = find()
    if not names:
        accounts = list_accounts(server)
    else:
        tell = (lambda account: None) if as_json else print_account
        accounts = make_annotators(server, names, new_passwords=new_password, made=tell)
        there = [account.username for account in accounts if account.password is None]
        if there:
            say(
                f"There already: {', '.join(there)}. Passwords are kept nowhere; --new-password makes others."
            )
    if as_json:
        print_json([asdict(account) for account in accounts])
    elif not names:
        for account in accounts:
            print_account(account)
    return 0


BackendName = Annotated[
    Literal["argilla", "file"], typer.Option(help="`file` reviews through RUN/review/NAME.jsonl instead.")
]
Dataset = Annotated[str | None, typer.Option(metavar="NAME", help="The dataset; the run's name by default.")]
Workspace = Annotated[str | None, typer.Option(metavar="NAME", help="The only one there by default.")]
Url = Annotated[str | None, typer.Option(metavar="URL", help="Another Argilla than the local one.")]
ApiKeyEnv = Annotated[
    str | None, typer.Option(metavar="VAR", help="The variable that holds your key for it; never the key.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else.")]
Debug = Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")]


@review_app.command()
def push(
    run: RunName,
    dataset: Dataset = None,
    workspace: Workspace = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = None,
    user: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Make an account for this annotator; may stand several times."),
    ] = None,
    backend: BackendName = "argilla",
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Send the rows that the recipe's `review` chooses; what was sent stays as it is."""
    from synth.cli.review_circle import Where, push_rows

    where = Where(backend, dataset, workspace, url, api_key_env)
    return push_rows(run, where, user or [], as_json=as_json)


@review_app.command()
def status(
    run: RunName,
    dataset: Dataset = None,
    workspace: Workspace = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = None,
    backend: BackendName = "argilla",
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Say how far annotators are, whether they agree, and what that says about all rows."""
    from synth.cli.review_circle import Where, show_status

    return show_status(run, Where(backend, dataset, workspace, url, api_key_env), as_json=as_json)


@review_app.command()
def pull(
    run: RunName,
    dataset: Dataset = None,
    workspace: Workspace = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = None,
    backend: BackendName = "argilla",
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Bring decisions back, as often as you like: they decide, and pulling twice changes nothing."""
    from synth.cli.review_circle import Where, pull_answers

    return pull_answers(run, Where(backend, dataset, workspace, url, api_key_env), as_json=as_json)
