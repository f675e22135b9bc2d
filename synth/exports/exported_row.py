"""A row in an export: the run's row, and its additional values in the receipts."""

from __future__ import annotations

from dataclasses import dataclass

from synth.exports.preferences import Preference, preference_from_json
from synth.exports.splits import Split
from synth.llm.base import Json
from synth.row import Row


@dataclass(frozen=True, slots=True)
class ExportedRow:
    """A row that was written to `split`.

    `preference` is the pair or label that was written, in preference formats. `mixed` names the source of
    general data that the row comes from. `copy` numbers the further copies that `export.balance` wrote, from
    1.
    """

    row: Row
    split: Split
    preference: Preference | None = None
    mixed: str | None = None
    copy: int | None = None

    @classmethod
    def from_json(cls, receipt: Json) -> ExportedRow:
        """From a line of `receipts.jsonl`."""
        preference = receipt.get("preference")
        return cls(
            Row.from_json(receipt),
            receipt["split"],
            preference_from_json(preference) if preference else None,
            receipt.get("mixed"),
            receipt.get("copy"),
        )

    def to_json(self) -> Json:
        """A line of `receipts.jsonl`."""
        receipt = self.row.to_json()
        receipt["review"].pop("at", None)  # times would make exports of the same decisions differ
        if self.mixed is not None:
            receipt["mixed"] = self.mixed
        receipt["split"] = self.split
        if self.preference is not None:
            receipt["preference"] = self.preference.to_json()
        if self.copy is not None:
            receipt["copy"] = self.copy
        return receipt
