"""Decodes bytes as text, or says why they are not text."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Final

from synth.errors import SourceError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED: Final = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{2,40})|<\?xml[^>]{0,200}encoding=[\"']([\w-]+)", re.I
)
# The first bytes of other file formats, with their names.
_OTHER_KINDS: Final = (
    (b"%PDF-", "a PDF", ".pdf"),
    (b"PK\x03\x04", "a zip file (a .docx is one)", ".docx"),
    (b"\xd0\xcf\x11\xe0", "an old Office file", ".doc"),
    (b"{\\rtf", "RTF", ".rtf"),
    (b"\x89PNG", "a PNG image", ".png"),
    (b"\xff\xd8\xff", "a JPEG image", ".jpg"),
    (b"\x1f\x8b", "a gzip file", ".gz"),
)


def decoded(data: bytes, path: Path, *, declared: bool = False) -> str:
    """The text in `data`: UTF-8, or the encoding of its byte order mark or (`declared`) of its own head.

    Raises `SourceError` for anything else, with the first wrong place.
    """
    for start, kind, suffix in _OTHER_KINDS:
        if data.startswith(start):
            raise SourceError(f"is {kind}, not text.", where=str(path), hint=f"Name it {path.stem}{suffix}.")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding is None and declared:
        encoding = _declared(data)
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        raise _not_text(data, path, encoding or "UTF-8", error.start) from None
    at = text.find("\x00")
    if at >= 0:
        raise SourceError(
            f"is binary (a zero byte in line {text.count(chr(10), 0, at) + 1}), not text.",
            where=str(path),
            hint="It may be UTF-16 without a byte order mark. Save it as UTF-8.",
        )
    return text


def _declared(data: bytes) -> str | None:
    """The encoding in the head of an HTML file, if Python knows it."""
    match = _DECLARED.search(data[:4096])
    if match is None:
        return None
    name = (match[1] or match[2]).decode("ascii")
    try:
        # Browsers and authors use the name Latin-1 for Windows-1252.
        known = codecs.lookup(name).name
    except LookupError:
        return None
    return "cp1252" if known in ("iso8859-1", "ascii") else known


def _not_text(data: bytes, path: Path, encoding: str, at: int) -> SourceError:
    line = data.count(b"\n", 0, at) + 1
    hint = "Save it as UTF-8."
    before = data[:at]
    after = data[at + 1 :].decode("utf-8", errors="replace")
    if encoding != "UTF-8":
        return SourceError(
            f"is declared as {encoding}, and is not (line {line}).", where=str(path), hint=hint
        )
    if not before.isascii() or re.search("[^\x00-\x7f\ufffd]", after):
        return SourceError(
            f"mixes encodings: UTF-8 in one place, another one in line {line}.",
            where=str(path),
            hint="If it was joined from several files, save each as UTF-8 first.",
        )
    return SourceError(
        f"is not UTF-8 (line {line}, byte {at}).",
        where=str(path),
        hint=f"Probably Windows-1252: `iconv -f WINDOWS-1252 -t UTF-8 {path.name}`, or save it as UTF-8.",
    )
