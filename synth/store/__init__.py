"""The run folder: all state of a run, and the only code that reads or writes it."""

from synth.store.folder import RunFolder
from synth.store.overlay_table import MadeRow, Overlay, OverlayTable, RowPlace
from synth.store.reader import FunnelLine, RunReader
from synth.store.review import ReviewStore
from synth.store.review_log import Answer, DecisionLog, Decisions, ReviewTarget, ShownRow
from synth.store.run import JournalReply, ModelUse, RunStore

__all__ = [
    "Answer",
    "DecisionLog",
    "Decisions",
    "FunnelLine",
    "JournalReply",
    "MadeRow",
    "ModelUse",
    "Overlay",
    "OverlayTable",
    "ReviewStore",
    "ReviewTarget",
    "RowPlace",
    "RunFolder",
    "RunReader",
    "RunStore",
    "ShownRow",
]
