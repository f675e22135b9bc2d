"""Reads DOCX as Markdown: mammoth converts it to HTML first."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any, Final
from xml.parsers.expat import ExpatError

import mammoth

from synth.documents.markup import html_as_markdown
from synth.errors import SourceError

# Maximum bytes of unpacked XML: a book of 500 pages has about 8 MiB. Pictures are not unpacked.
LARGEST_XML: Final = 16 * 2**20
_MOST_PARTS: Final = 10_000
# mammoth has no exception for broken files: these are the ones that its parsers raise.
_BROKEN: Final = (
    *(zipfile.BadZipFile, ExpatError, zlib.error),
    *(KeyError, ValueError, OSError, EOFError, AttributeError, TypeError, IndexError, NotImplementedError),
)
_DOCUMENT: Final = "word/document.xml"


def docx_as_markdown(path: Path) -> str:
    """The text of a Word document, with headings, lists and tables. Raises `SourceError`."""
    _check_archive(path)
    try:
        with path.open("rb") as file:
            html = mammoth.convert_to_html(file, convert_image=_no_image, external_file_access=False).value
    except _BROKEN as error:
        raise SourceError(
            f"is broken: {error}.", where=str(path), hint="Open it in Word and save it again."
        ) from None
    except RecursionError:
        raise SourceError("is nested too deeply.", where=str(path)) from None
    if not html.strip():
        raise SourceError(
            "contains no text.", where=str(path), hint="If it contains only pictures, run OCR first."
        )
    return html_as_markdown(html, path)


def _no_image(image: Any) -> list[Any]:
    """Leaves out pictures without reading them."""
    return []


def _check_archive(path: Path) -> None:
    """Checks the sizes in the archive's directory; `zipfile` never unpacks more than they say."""
    with path.open("rb") as file:
        if file.read(4) == b"\xd0\xcf\x11\xe0":
            raise SourceError(
                "is an old .doc, or protected by a password.",
                where=str(path),
                hint="Open it in Word and save it as .docx, without a password.",
            )
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile as error:
        raise SourceError(f"is not a .docx: {error}.", where=str(path)) from None
    names = {part.filename for part in parts}
    if _DOCUMENT not in names:
        raise SourceError(f"is a zip file but not a .docx: it has no {_DOCUMENT}.", where=str(path))
    xml = sum(part.file_size for part in parts if part.filename.lower().endswith((".xml", ".rels")))
    if xml > LARGEST_XML or len(parts) > _MOST_PARTS:
        packed = sum(part.compress_size for part in parts)
        raise SourceError(
            f"unpacks to {xml / 2**20:,.0f} MiB of XML in {len(parts)} parts, from {packed / 2**20:.1f} MiB:"
            f" a zip bomb, or not a document (the maximum is {LARGEST_XML // 2**20} MiB).",
            where=str(path),
        )
