"""From an exception to what the user sees and what the shell gets."""

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
    """Runs `command` and gives its exit code; prints what went wrong, without a traceback."""
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
        # Whoever read the output has gone (`| head`): nothing is wrong.
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 - the last place: a bug gets its exit code and a short word
        if debug:
            say_text(traceback.format_exc())
        bug: BaseException = error
        while isinstance(bug, BaseExceptionGroup):  # tasks end together; the first one says what it was
            bug = bug.exceptions[0]
        words = f"{type(bug).__name__}: {bug}"
        say(f"This is a bug in synth ({words}). Run it again with --debug, and report what it prints.")
        if as_json:
            hint = "Run it again with --debug."
            print_json({"error": {"code": "bug", "message": words, "where": None, "hint": hint}})
        return BUG
    return result if isinstance(result, int) else 0


def _wrong_usage(error: TyperException) -> InputError:
    """With the help of the command that was meant, where one can tell."""
    context = getattr(error, "ctx", None)
    known = context.command_path if context is not None else "synth"
    return InputError(error.format_message(), hint=f"Run `{known} --help` for its usage.")


def report(error: SynthError, *, as_json: bool, run: Path | None = None) -> int:
    """Prints `error`, with RUN in its hint as `run`; gives its exit code."""
    say(f"Error: {error_words(error, run)}")
    if as_json:
        print_json({"error": error_document(error, run)})
    return error.exit_code


def error_words(error: SynthError, run: Path | None = None) -> str:
    """The error as one paragraph, with commands that can be typed."""
    return str(SynthError(error.message, where=error.where, hint=error_document(error, run)["hint"]))


def error_document(error: SynthError, run: Path | None = None) -> Json:
    """What `--json` says of an error."""
    hint = typed(error.hint, run) if error.hint else None
    return {"code": error.code, "message": error.message, "where": error.where, "hint": hint}
