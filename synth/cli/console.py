"""All output: results to stdout, everything else to stderr. No text can act on the terminal."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import typer

from synth.errors import InputError
from synth.printable import printable, printable_json, printable_line


def print_text(text: str) -> None:
    """A result of one or more lines, to stdout."""
    print(printable(text), flush=True)


def print_line(text: str) -> None:
    """A result in one line, to stdout."""
    print(printable_line(text), flush=True)


def print_json(document: Any) -> None:
    """One JSON document in one line, to stdout."""
    utf8 = (sys.stdout.encoding or "").replace("-", "").lower() == "utf8"
    print(printable_json(document) if utf8 else json.dumps(document), flush=True)


def say(text: str) -> None:
    """A line that is not part of the result, to stderr."""
    print(printable_line(text), file=sys.stderr, flush=True)


def say_text(text: str) -> None:
    """Like `say`, with line breaks."""
    print(printable(text), file=sys.stderr, flush=True)


def help_without_command(context: typer.Context) -> None:
    """Prints the help if no command is given, and exits with the code of a wrong argument."""
    if context.invoked_subcommand is None:
        print_text(context.get_help())
        raise typer.Exit(InputError.exit_code)


def escape_what_cannot_be_encoded() -> None:
    """Prints characters that the terminal's encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
