"""From an exception to what the user sees and what the shell gets."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence

from typer.exceptions import Abort, Exit, TyperException

from synth.cli.console import print_json, say, say_text
from synth.cli.interrupt import INTERRUPTED, interrupted_words
from synth.errors import InputError, SynthError

BUG = 70


def run_command(command: Callable[[], object], arguments: Sequence[str]) -> int:
    """Runs `command` and gives its exit code; prints what went wrong, without a traceback."""
    as_json, debug = "--json" in arguments, "--debug" in arguments
    try:
        result = command()
    except SynthError as error:
        if debug:
            say_text(traceback.format_exc())
        return report(error, as_json=as_json)
    except Exit as done:
        return int(done.exit_code)
    except TyperException as error:
        wrong = InputError(
            error.format_message(), hint="`synth --help` and `synth COMMAND --help` say what is."
        )
        return report(wrong, as_json=as_json)
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
            _print_error("bug", words, None, "Run it again with --debug.")
        return BUG
    return result if isinstance(result, int) else 0


def report(error: SynthError, *, as_json: bool) -> int:
    """Prints `error`; gives its exit code."""
    say(f"Error: {error}")
    if as_json:
        _print_error(error.code, error.message, error.where, error.hint)
    return error.exit_code


def _print_error(code: str, message: str, where: str | None, hint: str | None) -> None:
    print_json({"error": {"code": code, "message": message, "where": where, "hint": hint}})
