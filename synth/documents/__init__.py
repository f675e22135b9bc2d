"""Documents: read as text, and cut into pieces that stand alone."""

from synth.documents.cut import Piece, pieces
from synth.documents.read import read_document

__all__ = ["Piece", "pieces", "read_document"]
