"""Runs work on foreign input in a process that can be killed: queries, JSON schemas, templates."""

from __future__ import annotations

from typing import Final

from synth.isolated.process import Isolated, TooMuch

__all__ = ["Isolated", "TooMuch", "shared"]

# For short tasks: schemas and templates.
shared: Final = Isolated(2**29)
