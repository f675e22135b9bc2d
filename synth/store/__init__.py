"""The run folder: the only place that holds a run's state, and the only code that touches it."""

from synth.store.folder import RunFolder
from synth.store.reader import FunnelLine, RunReader
from synth.store.run import Found, ModelUse, RunStore

__all__ = ["Found", "FunnelLine", "ModelUse", "RunFolder", "RunReader", "RunStore"]
