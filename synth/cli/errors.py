"""Turns exceptions into messages and exit codes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from typer.exceptions import Abort, Exit, TyperException

from synth.cli.console import print_json, say, say_text
from synth.cli.interrupt import INTERRUPTED, interrupted_words
from synth.cli.run_name import Named
from synth.errors import InputError, SynthError
from synth.hints import typed

if TYPE_CHECKING:
    from synth.llm.base import Json

BUG = 70


def run_command(command: Callable[[], object], arguments: Sequence[str], named: Named) -> int:
    """Runs `command` and returns its exit code. Prints errors without a traceback."""
    as_json, debug = "--json" in arguments, "--debug" in arguments
    try:
        result = command()
    except SynthError as error:
        if debug:
            say_text(traceback.format_exc())
        return report(error, as_json=as_json, run=named.run)
    except Exit as done:
        return int(done.exit_code)
    except TyperException as error:
        return report(_wrong_usage(error), as_json=as_json)
    except (KeyboardInterrupt, Abort):
        say(interrupted_words(arguments))
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has exited (`| head`): not an error.
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost level: a bug gets its exit code and a short message
        if debug:
            say_text(traceback.format_exc())
        bug: BaseException = error
        while isinstance(bug, BaseExceptionGroup):  # the first exception of a task group is the cause
            bug = bug.exceptions[0]
        words = f"{type(bug).__name__}: {bug}"
        say(f"This is a bug in synth ({words}). Run the command again with --debug, and report the output.")
        if as_json:
            hint = "Run the command again with --debug, and report the output."
            print_json({"error": {"code": "bug", "message": words, "where": None, "hint": hint}})
        return BUG
    return result if isinstance(result, int) else 0


def _wrong_usage(error: TyperException) -> InputError:
    """The error, with a hint to the help of the command if it is known."""
    context = getattr(error, "ctx", None)
    known = context.command_path if context is not None else "synth"
    return InputError(error.format_message(), hint=f"Run `{known} --help` for its usage.")


def report(error: SynthError, *, as_json: bool, run: Path | None = None) -> int:
    """Prints `error`, with `run` for RUN in its hint. Returns the exit code."""
    say(f"Error: {error_words(error, run)}")
    if as_json:
        print_json({"error": error_document(error, run)})
    return error.exit_code


def error_words(error: SynthError, run: Path | None = None) -> str:
    """The error as one paragraph, with commands that can be copied."""
    return str(SynthError(error.message, where=error.where, hint=error_document(error, run)["hint"]))


def error_document(error: SynthError, run: Path | None = None) -> Json:
    """The error as `--json` prints it."""
    hint = typed(error.hint, run) if error.hint else None
    return {"code": error.code, "message": error.message, "where": error.where, "hint": hint}
