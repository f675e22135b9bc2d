"""Reads documents as plain text (headings as Markdown) and cuts them into self-contained pieces."""

from __future__ import annotations

from synth.documents.pieces import Piece, pieces
from synth.documents.reading import SUFFIXES, read_document

__all__ = ["SUFFIXES", "Piece", "pieces", "read_document"]
