"""The command line: parse, call, turn errors into one paragraph and an exit code."""

from synth.cli.app import main

__all__ = ["main"]
