"""Reads a document as text."""

from __future__ import annotations

from pathlib import Path

from synth.errors import SourceError

_TEXT = (".txt", ".md", ".markdown", ".rst")


def read_document(path: Path) -> str:
    """The text of a plain document. Raises `SourceError` that names the file."""
    if path.suffix.lower() not in _TEXT:
        raise SourceError(
            f"{path.suffix or 'a file without a suffix'} is not read as a document.",
            where=str(path),
            hint=f"Use one of {', '.join(_TEXT)}.",
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"is not UTF-8 ({error.reason}).", where=str(path), hint="Save it as UTF-8."
        ) from None
    if not text.strip():
        raise SourceError("is empty.", where=str(path))
    return text
