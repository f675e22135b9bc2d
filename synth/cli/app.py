"""The commands and their options. A command imports what it needs when it is called: `--help` is fast."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.main import get_command

from synth import __version__
from synth.cli.console import escape_what_cannot_be_encoded, help_without_command, print_text
from synth.cli.errors import run_command
from synth.cli.review import review_app
from synth.cli.run_name import Named, RecipeFile, RecipeIfNamed, RunName
from synth.cli.shared_options import AsJson, Debug
from synth.recipe.find import find_recipe

app = typer.Typer(
    name="synth",
    help="Draft with a model, correct with people, export what a trainer accepts.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(review_app, name="review")

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. --set stages.generate.count=20."),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit", min=1, help="Use at most this many rows of each source and drafts of each stage."
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        print_text(f"synth {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Draft with a model, correct with people, export what a trainer accepts."""
    help_without_command(context)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to create.")],
    template: Annotated[str, typer.Option(help="The example to start from.")] = "support",
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="The URL of your server, e.g. http://host:8000/v1.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its model (default: the first one it lists).")
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option(
            metavar="VAR", help="The environment variable that holds the server's key; never the key."
        ),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Create a folder with a recipe that runs at once."""
    from synth.cli.init import init_folder

    return init_folder(folder, template, endpoint, model, api_key_env, as_json=as_json)


@app.command()
def run(
    recipe: RecipeFile,
    out: Annotated[
        Path | None, typer.Option(help="The run folder (default: runs/NAME next to the recipe).")
    ] = None,
    limit: Limit = None,
    settings: Settings = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Send failed requests again.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the first prompts and the expected requests; send nothing."),
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Run a recipe, or resume its run."""
    from synth.cli.run import dry_run_recipe, run_recipe_file

    if dry_run:
        return dry_run_recipe(recipe, out, settings or [], limit, as_json=as_json)
    return run_recipe_file(recipe, out, settings or [], limit, retry_failed=retry_failed, as_json=as_json)


@app.command()
def show(
    run: RunName,
    row: Annotated[
        str | None, typer.Argument(metavar="ROW", help="The id of a row, or its first characters.")
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="Only rows that were made, dropped or failed in this stage.")
    ] = None,
    status: Annotated[
        Literal["kept", "dropped", "failed", "pending", "superseded"] | None,
        typer.Option(help="Only rows with this status."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the rows as JSON on stdout, one per line.")
    ] = False,
    debug: Debug = False,
) -> int:
    """Show the counts per stage, the rows, or the history of one row."""
    from synth.cli.show import show_run

    return show_run(run, row, stage, status, as_json=as_json)


@app.command()
def export(
    run: RunName,
    format: Annotated[
        str | None,
        typer.Option("--format", help="The format, e.g. trl-sft (default: the one in the recipe)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to write (default: RUN/export/FORMAT).")
    ] = None,
    push_to_hub: Annotated[
        str | None,
        typer.Option(
            metavar="USER/NAME", help="Also upload the files to this dataset on the Hugging Face hub."
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Make a newly created dataset public (default: private).")
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Write files for a trainer: splits, dataset card, receipts."""
    from synth.cli.export import export_files

    return export_files(run, format, out, push_to_hub, public=public, as_json=as_json)


@app.command()
def serve(
    recipe: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help="Serve the models of this recipe.")
    ] = None,
    extra: Annotated[
        list[str] | None, typer.Argument(metavar="-- FLAGS", help="Flags for vLLM, after `--`.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="One of the recipe's models. Without a recipe: a model on the hub, or a folder."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDR", help="The address to listen on (default: only this machine)."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port (default: that of the base_url, else 8000).")
    ] = None,
    settings: Settings = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the servers as JSON when they are up.")
    ] = False,
    debug: Debug = False,
) -> int:
    """Start vLLM for the models of a recipe. Ctrl-C stops it."""
    from synth.cli.serve import serve_models

    given = [recipe] if recipe is not None else []
    # After `--` without a recipe, the first flag arrives as the recipe.
    named = bool(given) and not given[0].startswith("-")
    file, flags = (find_recipe(Path(given[0])), []) if named else (None, given)
    flags += extra or []
    return serve_models(file, settings or [], model, host=host, port=port, extra=flags, as_json=as_json)


@app.command()
def doctor(
    recipe: RecipeIfNamed = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Check models, servers and disk, and say how to fix what is wrong."""
    from synth.cli.doctor import check_all

    return check_all(recipe, as_json=as_json)


@app.command()
def schema() -> None:
    """Print the JSON schema of a recipe, for editors."""
    import json

    from synth.recipe.json_schema import recipe_schema

    print_text(json.dumps(recipe_schema(), indent=2))


def main(arguments: list[str] | None = None) -> None:
    """The entry point: exits with the command's code."""
    escape_what_cannot_be_encoded()
    given = sys.argv[1:] if arguments is None else arguments

    named = Named()

    def call() -> object:
        # Not `app(...)`: that would turn Ctrl-C into an exit without a message.
        with get_command(app).make_context("synth", list(given), obj=named) as context:
            return context.command.invoke(context)

    sys.exit(run_command(call, given, named))
