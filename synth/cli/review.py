"""`synth review ...`: the local Argilla, its annotators, and push, status and pull."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from synth.cli.console import help_without_command, print_json, say
from synth.cli.run_name import RunName
from synth.cli.shared_options import AsJson, Debug

review_app = typer.Typer(
    help="Let people review rows, in Argilla or in a file.",
    rich_markup_mode=None,
)


@review_app.callback(invoke_without_command=True)
def _options(context: typer.Context) -> None:
    help_without_command(context)


@review_app.command()
def serve(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port (default: 6900; 0 chooses a free one).")
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDR", help="The address to listen on (default: only this machine).")
    ] = "127.0.0.1",
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder for its data.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the address and the account as JSON.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")] = False,
) -> int:
    """Start a local Argilla server. Ctrl-C stops it and keeps its data."""
    from synth.review.local_argilla import DEFAULT_PORT, LocalServer
    from synth.review.local_argilla import serve as serve_argilla

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
        list[str] | None, typer.Argument(metavar="NAME", help="The annotators to create.")
    ] = None,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Also give existing annotators a new password.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")] = False,
) -> int:
    """Create annotators, or list them. Each password is printed once."""
    from synth.cli.review_tables import print_account
    from synth.errors import InputError
    from synth.review.accounts import list_accounts, make_annotators
    from synth.review.local_argilla import find

    if new_password and not names:
        raise InputError("--new-password needs the names of the annotators.")
    server = find()
    if not names:
        accounts = list_accounts(server)
    else:
        tell = (lambda account: None) if as_json else print_account
        accounts = make_annotators(server, names, new_passwords=new_password, made=tell)
        there = [account.username for account in accounts if account.password is None]
        if there:
            say(
                f"These exist already: {', '.join(there)}. Their passwords are not stored; --new-password"
                " sets new ones."
            )
    if as_json:
        print_json([asdict(account) for account in accounts])
    elif not names:
        for account in accounts:
            print_account(account)
    return 0


BackendName = Annotated[
    str,
    typer.Option(
        metavar="[argilla|file]",
        help="Where to review: in Argilla, in the file RUN/review/NAME.jsonl, or in what a plugin adds.",
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The dataset; it can belong to another run (default: the run's own)."),
]
Workspace = Annotated[
    str | None, typer.Option(metavar="NAME", help="The workspace (default: the only one on the server).")
]
Url = Annotated[str | None, typer.Option(metavar="URL", help="The Argilla server (default: the local one).")]
ApiKeyEnv = Annotated[
    str | None,
    typer.Option(metavar="VAR", help="The environment variable that holds your key for that server."),
]


@review_app.command()
def push(
    run: RunName,
    dataset: Dataset = None,
    workspace: Workspace = None,
    url: Url = None,
    api_key_env: ApiKeyEnv = None,
    user: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Create this annotator's account. Repeatable."),
    ] = None,
    new_workspace: Annotated[
        bool, typer.Option("--new-workspace", help="Create the workspace if it does not exist.")
    ] = False,
    backend: BackendName = "argilla",
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Send the rows that the `review` key of the recipe selects."""
    from synth.cli.review_commands import Where, push_rows
    from synth.review.targets.base import Access

    access = Access(url, api_key_env, workspace, new_workspace, tuple(user or ()))
    return push_rows(run, Where(backend, dataset, access), as_json=as_json)


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
    """Show the progress, the agreement, and estimates for all rows."""
    from synth.cli.review_commands import Where, show_status
    from synth.review.targets.base import Access

    where = Where(backend, dataset, Access(url, api_key_env, workspace))
    return show_status(run, where, as_json=as_json)


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
    """Fetch the decisions. Pulling twice changes nothing."""
    from synth.cli.review_commands import Where, pull_answers
    from synth.review.targets.base import Access

    where = Where(backend, dataset, Access(url, api_key_env, workspace))
    return pull_answers(run, where, as_json=as_json)
