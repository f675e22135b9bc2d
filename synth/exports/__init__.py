"""Turns a run folder into files for a trainer: splits in JSON Lines, a dataset card, receipts.

`export_run` is the entry point. A row passes these modules in this order: `eligibility` (may it be
exported?), `splits` (train or test, never both), `example` (the part of the row that a format sees), one of
`formats` (the mapping, and the rules of its consumer), and `files`. Then `check` reads the files back, and
`publish` moves them to their folder.
"""

from synth.exports.run import ExportResult, export_run

__all__ = ["ExportResult", "export_run"]
