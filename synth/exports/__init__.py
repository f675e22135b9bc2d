"""From a run folder to files that a trainer takes: splits, JSON Lines, a dataset card, receipts.

`export_run` is the way in. A row passes `select` (may it leave?), `sides` (train or test, and never both),
`example` (what a format sees of it), one of `formats` (its mapping, and the rules of whoever reads it), and
`files`; `check` then reads back what lies on the disk, and only then `place` puts it where it belongs.
"""

from synth.exports.run import ExportResult, export_run

__all__ = ["ExportResult", "export_run"]
