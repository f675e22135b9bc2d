"""Drafts from documents: what instruction would a text answer (Humpback), or what questions (RAFT)."""

from synth.stages.backtranslate.maker import Backtranslate

__all__ = ["Backtranslate"]
