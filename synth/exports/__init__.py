"""From a run folder to files that a trainer takes: splits, JSON Lines, a dataset card, receipts.

`export_run` is the way in. A row passes `eligibility` (may it leave?), `splits` (train or test, and never
both), `example` (what a format sees of it), one of `formats` (its mapping, and the rules of what reads it),
and `files`. Then `check` reads the files back, and `publish` moves them to their folder.
"""

from synth.exports.run import ExportResult, export_run

__all__ = ["ExportResult", "export_run"]
