"""Options that many commands have."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; all else goes to stderr.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")]
