"""Reads PDF as text: joins lines to paragraphs, and leaves out lines that repeat on every page."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError

from synth.errors import SourceError

# The exceptions that pypdf raises for broken files; it documents no list.
_BROKEN: Final = (
    *(PyPdfError, zlib.error, ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError),
    *(OSError, ArithmeticError, NotImplementedError),
)
_MARGINAL: Final = re.compile(r"\d+")
_SENTENCE_END: Final = re.compile(r"[.!?:;…][\"'”’)\]]*$")
_ITEM: Final = re.compile(r"\s*(?:[-•–*▪◦]|\d{1,3}[.)]|[a-z]\))\s")


def pdf_as_text(path: Path, longest: int) -> str:
    """The text layer, an empty line between pages, at most `longest` characters. Raises `SourceError`."""
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise SourceError(
                "is protected by a password.", where=str(path), hint="Save a copy without a password."
            )
        pages = list(_pages(reader, path, longest))
    except DependencyError:
        raise SourceError("is encrypted.", where=str(path), hint="Save a copy without encryption.") from None
    except RecursionError:
        raise SourceError("is nested too deeply.", where=str(path)) from None
    except _BROKEN as error:
        raise SourceError(
            f"is broken: {error}.", where=str(path), hint="Open it in a viewer and print it to a new PDF."
        ) from None
    if not any(char.isalnum() for page in pages for char in page):
        raise SourceError(
            f"contains no text in {len(pages)} pages: it is a scan, or has only pictures.",
            where=str(path),
            hint="Run OCR first (`ocrmypdf in.pdf out.pdf`).",
        )
    return "\n\n".join(_paragraphs(lines) for lines in _without_margins(pages) if lines)


def _pages(reader: PdfReader, path: Path, longest: int) -> Iterator[str]:
    total = 0
    for page in reader.pages:
        text = page.extract_text()
        total += len(text)
        if total > longest:
            raise SourceError(f"has more than {longest // 2**20} million characters.", where=str(path))
        yield text


def _without_margins(pages: Sequence[str]) -> list[list[str]]:
    """The lines of each page, without a first or last line that more than half of the pages share."""
    cut = [[line.rstrip() for line in page.splitlines() if line.strip()] for page in pages]
    for edge in (0, -1):
        marginal = Counter(_MARGINAL.sub("#", lines[edge].strip()) for lines in cut if lines)
        shared = {line for line, count in marginal.items() if count >= 3 and count > len(pages) / 2}
        for lines in cut:
            if lines and _MARGINAL.sub("#", lines[edge].strip()) in shared:
                lines.pop(edge)
    return cut


def _paragraphs(lines: Sequence[str]) -> str:
    """Joins lines within a sentence. A short line that ends a sentence ends a paragraph."""
    width = max((len(line) for line in lines), default=0)
    out: list[str] = []
    joins = False
    for line in lines:
        text = line.strip()
        if joins and not _ITEM.match(line):
            if out[-1].endswith("-") and text[:1].islower():
                out[-1] = out[-1][:-1] + text
            else:
                out[-1] += " " + text
        else:
            out.append(text)
        full = len(line) >= 0.7 * width
        joins = full and not (_SENTENCE_END.search(text) and len(line) < 0.9 * width)
    return "\n\n".join(out)
