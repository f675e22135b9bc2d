"""People's data out of everything that is read, before any prompt holds it (the stage `redact`)."""

from __future__ import annotations

from synth.redaction.ledger import ledger_of, restore
from synth.redaction.redactor import Redactor, open_redactor

__all__ = ["Redactor", "ledger_of", "open_redactor", "restore"]
