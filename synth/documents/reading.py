"""Reads a document of any common format as one text, in bounded memory, with clear errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from synth.documents.decoding import decoded
from synth.errors import MachineError, SourceError

# Maximum bytes of a file. Larger ones are logs, dumps or mistakes. HTML takes about 20 times its size.
LARGEST_TEXT: Final = 32 * 2**20
LARGEST_HTML: Final = 8 * 2**20
LARGEST_PACKED: Final = 128 * 2**20
# Maximum characters of one document's text, in any format.
LONGEST_TEXT: Final = 32 * 2**20

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TRAILING: Final = re.compile(r"[ \t]+$", re.MULTILINE)
_GAPS: Final = re.compile(r"\n{3,}")
# Above this share of U+FFFD, an earlier conversion has ruined the text.
_MOST_LOST: Final = 0.005


def read_document(path: Path) -> str:
    """The text of a document: text or Markdown unchanged; HTML, PDF and DOCX with headings as Markdown.

    Lines end with "\\n", and several empty lines become one. Raises `SourceError` for a file that is invalid,
    has no text, or is too large; `MachineError` if the permission to read it is missing.
    """
    reader, largest = _reader_of(path)
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise SourceError("is a folder, not a document.", where=str(path), hint="Name the files in it.")
        _check_size(path, size, largest)
        text = _tidied(reader(path))
    except FileNotFoundError:
        raise SourceError("there is no such file.", where=str(path)) from None
    except PermissionError as error:
        raise MachineError(f"cannot be read: {error.strerror}.", where=str(path)) from None
    _check_text(path, text)
    return text


def _read_text(path: Path) -> str:
    return decoded(path.read_bytes(), path)


def _read_html(path: Path) -> str:
    from synth.documents.markup import html_as_markdown

    return html_as_markdown(decoded(path.read_bytes(), path, declared=True), path)


def _read_docx(path: Path) -> str:
    from synth.documents.docx import docx_as_markdown

    return docx_as_markdown(path)


def _read_pdf(path: Path) -> str:
    from synth.documents.pdf import pdf_as_text

    return pdf_as_text(path, LONGEST_TEXT)


_READERS: Final[Mapping[str, tuple[Callable[[Path], str], int]]] = {
    **dict.fromkeys((".txt", ".text", ".md", ".markdown", ".rst"), (_read_text, LARGEST_TEXT)),
    **dict.fromkeys((".html", ".htm", ".xhtml"), (_read_html, LARGEST_HTML)),
    ".pdf": (_read_pdf, LARGEST_PACKED),
    ".docx": (_read_docx, LARGEST_PACKED),
}
SUFFIXES: Final = tuple(_READERS)
_CONVERT: Final = {
    ".doc": "Save it as .docx.",
    ".odt": "Save it as .docx.",
    ".rtf": "Save it as .docx.",
    ".pages": "Export it as .docx.",
    ".epub": "Unpack it (it is a zip file) and name its HTML files.",
    ".png": "Run OCR first.",
    ".jpg": "Run OCR first.",
    ".jsonl": "Rows go to `sources.seeds` or `sources.prompts`.",
}


def _reader_of(path: Path) -> tuple[Callable[[Path], str], int]:
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise SourceError(
            f"{suffix or 'a file without a suffix'} is not read as a document.",
            where=str(path),
            hint=_CONVERT.get(suffix, f"Use one of {', '.join(SUFFIXES)}."),
        )
    return _READERS[suffix]


def _check_size(path: Path, size: int, largest: int) -> None:
    if size == 0:
        raise SourceError("is empty.", where=str(path))
    if size > largest:
        raise SourceError(
            f"has {size / 2**20:,.0f} MiB; the maximum for its format is {largest // 2**20}.",
            where=str(path),
            hint="Split it, or leave it out: such a large file is rarely a document.",
        )


def _tidied(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n\n")
    return _GAPS.sub("\n\n", _TRAILING.sub("", _CONTROL.sub("", text))).strip("\n")


def _check_text(path: Path, text: str) -> None:
    if not any(char.isalnum() for char in text):
        raise SourceError("contains no text.", where=str(path))
    if len(text) > LONGEST_TEXT:
        raise SourceError(
            f"has more than {LONGEST_TEXT // 2**20} million characters.",
            where=str(path),
            hint="Split it.",
        )
    lost = text.count("\ufffd")
    if lost > _MOST_LOST * len(text):
        raise SourceError(
            f"contains {lost} replacement characters (\ufffd): an earlier conversion lost letters.",
            where=str(path),
            hint="Convert the original again, to UTF-8.",
        )
