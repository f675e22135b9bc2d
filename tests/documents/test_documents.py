"""Documents of every kind are read as text, bad ones are refused in bounded memory, pieces are cut at
boundaries.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import docx, pdf, word_xml
from pypdf import PdfReader, PdfWriter

from synth.documents import Piece, pieces, read_document
from synth.documents.docx import LARGEST_XML
from synth.errors import SourceError

ROOT = Path(__file__).resolve().parents[2]
LATIN = "Köln\n".encode("latin-1")
SENTENCE = "A deposit is paid back until 24 hours before the appointment. "


# --- good ones ----------------------------------------------------------------------------------------


def test_text_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes("\ufeff# Über uns\r\n\r\n\r\n\r\nWir sind  da. \r\n\tcode\r\n".encode())
    assert read_document(file) == "# Über uns\n\nWir sind  da.\n\tcode"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_are_heeded(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("Grüße aus Köln".encode(encoding))
    assert read_document(file) == "Grüße aus Köln"


def test_html_loses_menus_scripts_and_footers_and_keeps_its_structure(tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    file.write_text(
        "<html><head><style>p{}</style></head><body><header>Shop | Cart</header><nav>Home</nav>"
        "<h1>Refunds</h1><p>Within <b>14</b> days, see <a href='/terms'>the terms</a>.</p>"
        "<ul><li>by card<li>by cash</ul><h2>Fees</h2><table><tr><th>Plan</th><th>Fee</th></tr>"
        "<tr><td>Solo</td><td>3 €</td></tr></table><pre>a_b = 1 * 2</pre><script>track()</script>"
        "<p hidden>secret</p><footer>© 2024</footer></body></html>"
    )
    text = read_document(file)
    assert text.startswith("# Refunds\n\nWithin **14** days, see the terms.\n\n- by card\n- by cash")
    assert "## Fees" in text
    assert "| Solo | 3 € |" in text
    assert "a_b = 1 * 2" in text
    for gone in ("Cart", "Home", "track", "secret", "2024", "p{}"):
        assert gone not in text


def test_the_main_part_of_a_page_is_taken_with_its_own_header(tmp_path: Path) -> None:
    file = tmp_path / "a.htm"
    file.write_text(
        "<body><p>Ad</p><main><header><h1>Title</h1></header><p>Words.</p></main><p>More</p></body>"
    )
    assert read_document(file) == "# Title\n\nWords."


def test_html_in_the_encoding_it_names(tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    file.write_bytes('<meta charset="iso-8859-1"><p>Gr\xfc\xdfe \x80</p>'.encode("latin-1"))
    assert read_document(file) == "Grüße €"


def test_broken_html_is_read_as_browsers_do(tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    file.write_text("<div><p>One<p>Two</b></i></div></div><table><td>Three<h2>Four</h2")
    text = read_document(file)
    assert [word for word in ("One", "Two", "Three", "Four") if word in text] == [
        "One",
        "Two",
        "Three",
        "Four",
    ]


def test_docx_keeps_its_headings(tmp_path: Path) -> None:
    document = word_xml([("Heading1", "Deposits"), ("", "Paid back &amp; forgotten."), ("Heading2", "Late")])
    text = read_document(docx(tmp_path / "a.docx", document))
    assert text == "# Deposits\n\nPaid back & forgotten.\n\n## Late"


def test_pdf_lines_become_paragraphs_without_page_headers(tmp_path: Path) -> None:
    page = [
        "The deposit is paid back until a full day before the appoint-",
        "ment, and never after that day.",
        "New.",
    ]
    pages = [["Terms of Northwind", *page, f"Page {n} of 4"] for n in range(1, 5)]
    text = read_document(pdf(tmp_path / "a.pdf", pages))
    assert (
        "The deposit is paid back until a full day before the appointment, and never after that day." in text
    )
    assert "Northwind" not in text
    assert "Page" not in text
    assert text.count("\n\nNew.") == 4


# --- bad ones -----------------------------------------------------------------------------------------


def bytes_of(content: bytes | str) -> Callable[[Path], object]:
    data = content.encode() if isinstance(content, str) else content
    return lambda file: file.write_bytes(data)


def encrypted(file: Path) -> None:
    writer = PdfWriter(clone_from=PdfReader(pdf(file.with_name("plain.pdf"), [["Secret words"]])))
    writer.encrypt("password", algorithm="RC4-128")
    writer.write(file)


def huge(file: Path) -> None:
    with file.open("wb") as out:
        out.truncate(200_000_000)


def bomb(file: Path) -> None:
    docx(file, word_xml([("", "a" * (LARGEST_XML + 1))]))


def cut(file: Path) -> None:
    docx(file, word_xml([("", SENTENCE * 500)]))
    file.write_bytes(file.read_bytes()[:-300])


def many_parts(file: Path) -> None:
    docx(file, word_xml([]), {f"p{n}": b"" for n in range(10_001)})


def plain_zip(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hello.txt", "hello")


# File name, how it is made, and words that the message must have.
BAD: dict[str, tuple[str, Callable[[Path], object], tuple[str, ...]]] = {
    "missing": ("a.txt", lambda file: None, ("no such file",)),
    "a folder": ("a.md", lambda file: file.mkdir(), ("is a folder",)),
    "empty": ("a.txt", bytes_of(""), ("is empty",)),
    "white space": ("a.txt", bytes_of(" \n\t\n\u00a0 "), ("contains no text",)),
    "rules and marks": ("a.md", bytes_of("----\n\n* * *\n"), ("contains no text",)),
    "200 MB of text": ("a.txt", huge, ("191 MiB", "format is 32")),
    "200 MB of HTML": ("a.html", huge, ("191 MiB", "format is 8")),
    "200 MB called PDF": ("a.pdf", huge, ("191 MiB", "format is 128")),
    "Latin-1": ("a.txt", bytes_of("one\ntwo\nGrüße".encode("latin-1")), ("line 3", "Windows-1252", "iconv")),
    "mixed encodings": ("a.txt", bytes_of("Grüße\n".encode() + LATIN), ("mixes encodings", "line 2")),
    "mixed the other way": ("a.md", bytes_of(LATIN + "Grüße".encode()), ("mixes encodings",)),
    "HTML that lies": ("a.html", bytes_of(b"<meta charset=utf-8>" + LATIN), ("utf-8, and is not",)),
    "binary": ("a.txt", bytes_of(b"MZ\x00\x01\x00program"), ("is binary", "line 1")),
    "UTF-16 without a mark": ("a.txt", bytes_of("Hello there".encode("utf-16-le")), ("is binary", "UTF-16")),
    "ruined letters": ("a.txt", bytes_of("Gr\ufffd\ufffde " * 20), ("replacement characters",)),
    "a PDF called text": ("a.txt", bytes_of("%PDF-1.4 ..."), ("is a PDF", "a.pdf")),
    "a zip called Markdown": ("a.md", bytes_of(b"PK\x03\x04...."), ("is a zip file",)),
    "an unknown kind": ("a.odt", bytes_of("x"), (".odt is not read", ".docx")),
    "rows": ("a.jsonl", bytes_of("{}"), ("sources.seeds",)),
    "no suffix": ("README", bytes_of("x"), ("without a suffix",)),
    "a page of scripts": ("a.html", bytes_of("<div id=app></div><script>go()</script>"), ("JavaScript",)),
    "tags alone": ("a.html", bytes_of("<p></p><br><img src=x>"), ("contains no text",)),
    "tags without end": ("a.html", bytes_of("<div>" * 20_000 + "deep"), ("too deeply",)),
    "a scan": ("a.pdf", lambda file: pdf(file, [[], []]), ("no text in 2 pages", "OCR")),
    "a PDF without pages": ("a.pdf", lambda file: pdf(file, []), ("no text in 0 pages",)),
    "no PDF": ("a.pdf", bytes_of("Dear Sir or Madam"), ("is broken",)),
    "half a PDF": ("a.pdf", bytes_of("%PDF-1.4\n1 0 obj\n<< /Type /Cat"), ("is broken",)),
    "a locked PDF": ("a.pdf", encrypted, ("password",)),
    "an old .doc": ("a.docx", bytes_of(b"\xd0\xcf\x11\xe0" + bytes(600)), ("old .doc", "password")),
    "a zip, no DOCX": ("a.docx", plain_zip, ("no word/document.xml",)),
    "text called DOCX": ("a.docx", bytes_of("hello"), ("is not a .docx",)),
    "half a DOCX": ("a.docx", cut, ("is not a .docx",)),
    "broken XML": ("a.docx", lambda file: docx(file, "<w:document><w:p>"), ("is broken",)),
    "an empty DOCX": ("a.docx", lambda file: docx(file, word_xml([])), ("contains no text",)),
    "a zip bomb": ("a.docx", bomb, ("zip bomb", "maximum is 16 MiB")),
    "many parts": ("a.docx", many_parts, ("parts",)),
    "entities that multiply": (
        "a.docx",
        lambda file: docx(
            file,
            '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "' + "x" * 1000 + '">'
            + "".join(f'<!ENTITY {b} "{f"&{a};" * 20}">' for a, b in zip("abcdef", "bcdefg", strict=True))
            + "]>" + word_xml([("", "&g;")]).partition("?>")[2],
        ),
        ("is broken",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_document_gets_one_clear_reason(name: str, tmp_path: Path) -> None:
    file_name, make, words = BAD[name]
    make(tmp_path / file_name)
    with pytest.raises(SourceError) as error:
        read_document(tmp_path / file_name)
    assert error.value.where == str(tmp_path / file_name)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_the_table_of_what_cannot_be_read_is_whole() -> None:
    lines = (ROOT / "docs" / "sources.md").read_text().partition("## Documents that cannot be read")[2]
    table = [line.strip("|").split("|") for line in lines.splitlines() if line[:1] == "|"]
    assert {what.strip(): tuple(says.strip().split(" … ")) for what, says in table[2:]} == {
        name: words for name, (_, _, words) in BAD.items()
    }


LIMITED = """
import resource, sys
from pathlib import Path
from synth.documents import read_document
from synth.errors import SourceError
started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
try:
    print(len(read_document(Path(sys.argv[1]))))
except SourceError as error:
    print("refused", error.message)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - started) // 1024)
"""


def lying_bomb(file: Path) -> None:
    """A DOCX whose directory says that its main part is small."""
    docx(file, word_xml([("", "a" * 400_000_000)]))
    data = bytearray(file.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"word/document.xml"))
    data[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "make", "most"),
    [
        ("a.txt", huge, 32),
        ("a.docx", lambda file: docx(file, word_xml([("", "a" * 400_000_000)])), 64),
        ("a.docx", lying_bomb, 64),
        ("a.html", lambda file: file.write_text("<p>word" * 99_000), 450),
        ("a.docx", lambda file: docx(file, word_xml([("", SENTENCE)] * 15_000)), 450),
    ],
    ids=["200 MB", "a bomb", "a bomb that lies", "the largest HTML", "the largest DOCX"],
)  # fmt: skip
def test_memory_stays_bounded(name: str, make: Callable[[Path], object], most: int, tmp_path: Path) -> None:
    make(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / name)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *_, mebibytes = done.stdout.split()
    assert int(mebibytes) < most, done.stdout


# --- pieces -------------------------------------------------------------------------------------------


def test_pieces_begin_with_their_headings() -> None:
    parts = [f"## Part {n}\n\n{SENTENCE * 14}\n\n" for n in range(4)]
    found = pieces("# Terms\n\n" + "".join(parts))
    assert [piece.heading for piece in found] == [
        "Terms",
        "Terms > Part 1",
        "Terms > Part 2",
        "Terms > Part 3",
    ]
    assert found[1].text.startswith("## Part 1\n")


def test_a_text_without_headings_is_cut_between_paragraphs() -> None:
    paragraph = SENTENCE * 10
    found = pieces("\n\n".join([paragraph] * 9))
    assert {piece.text.count(SENTENCE.strip()) for piece in found} == {40, 10}
    assert all(piece.text.endswith(".") and piece.heading == "" for piece in found)


def test_code_is_not_cut_and_holds_no_headings() -> None:
    code = "```sh\n# not a heading\n" + "\n\n".join(["make test"] * 40) + "\n```"
    text = f"# Build\n\n{SENTENCE * 20}\n\n{code}\n\n{SENTENCE * 40}"
    found = pieces(text)
    assert any(code in piece.text for piece in found)
    assert {piece.heading for piece in found} == {"Build"}


def test_a_heading_is_never_left_alone_at_the_end() -> None:
    text = f"# A\n\n{SENTENCE * 46}\n\n## B\n\n{SENTENCE * 20}"
    assert all(not piece.text.endswith("## B") for piece in pieces(text))


def test_setext_headings_count() -> None:
    found = pieces(f"Terms\n=====\n\n{SENTENCE * 12}\n\nFees\n----\n\n{SENTENCE * 12}")
    assert [piece.heading for piece in found] == ["Terms", "Terms > Fees"]


@pytest.mark.parametrize("text", ["", "\n \n", "Too short.", "# Heading\n\n\n" + " \n" * 1000])
def test_a_text_shorter_than_a_piece_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match="at least 600"):
        pieces(text)


@given(
    st.lists(
        st.sampled_from([SENTENCE, "\n\n", "\n", "# H\n\n", "word" * 40, "```\n", "- item\n", "。漢字", " "]),
        max_size=80,
    ),
    st.integers(1, 60),
    st.integers(2, 5),
)
def test_pieces_cover_the_text_in_order(parts: list[str], shortest: int, times: int) -> None:
    text = "".join(parts)
    try:
        found = pieces(text, shortest, shortest * times)
    except SourceError:
        return
    end = 0
    for piece in found:
        assert text[piece.start : piece.end] == piece.text
        assert len(piece.text) <= shortest * times
        assert not any(char.isalnum() for char in text[end : piece.start])
        end = piece.end
    assert not any(char.isalnum() for char in text[end:])
    assert found == pieces(text, shortest, shortest * times)


def test_bounds_that_cannot_be_kept_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="twice"):
        pieces(SENTENCE * 100, 600, 1000)
    assert isinstance(pieces(SENTENCE * 100)[0], Piece)
