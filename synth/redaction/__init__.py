"""Removes personal data from all sources while they are read (the stage `redact`)."""

from __future__ import annotations

from synth.redaction.ledger import ledger_of, restore
from synth.redaction.redactor import Redactor, open_redactor

__all__ = ["Redactor", "ledger_of", "open_redactor", "restore"]
