"""Standardises texts: characters, line ends, white space, and wrapping around answers.

A model also learns arbitrary white space (SQLCoder2's authors found that it was up to half of the
completion's tokens). Code is not changed, because white space has meaning there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

from synth.text.code_spans import map_prose
from synth.text.standardise.canonical import canonical_json, canonical_sql, is_sql
from synth.text.standardise.chatter import strip_closer, strip_preamble, unwrap_fence, unwrap_quotes
from synth.text.standardise.options import Options
from synth.text.standardise.spacing import tidy_spacing

Role = Literal["prompt", "answer"]
Rule = Callable[[str], str]

# The rules' names in a row's history, in the order in which the rules run.
RULES = (
    "line_ends",
    "unicode",
    "smart_quotes",
    "preamble",
    "fence",
    "quotes",
    "closer",
    "json",
    "sql",
    "whitespace",
    "prefix",
)


@dataclass(frozen=True, slots=True)
class Standardised:
    """A text in its standard form, and the names of the rules that changed something, in order."""

    text: str
    did: tuple[str, ...]


def standardise(text: str, options: Options, *, role: Role = "answer") -> Standardised:
    """Bring a text to its standard form; doing so twice changes nothing more.

    Users write prompts, so only characters, line ends and white space are standardised in them. The other
    rules (wrapping, JSON, SQL, prefix) apply only to answers. One rule can uncover work for another (a fence
    around a preamble), so all rules run until none changes anything. This ends: JSON and SQL formats are
    fixed points, and every other rule makes the text shorter or removes characters that no rule adds.
    """
    rules = _rules(options, role)
    prefix = options.prefix if role == "answer" else None
    body = text
    did: set[str] = set()
    had_prefix = False
    while True:
        before = body
        if prefix and body.strip():
            body, found = _without_prefix(body, prefix)
            had_prefix = had_prefix or found
            if found and _with_prefix(body, prefix) != before:
                did.add("prefix")
        for name, rule in rules:
            changed = rule(body)
            if changed != body:
                did.add(name)
            body = changed
        if body == before:
            break
    if prefix and (had_prefix or body.strip()):
        body = _with_prefix(body, prefix)
        if not had_prefix:
            did.add("prefix")
    return Standardised(body, tuple(name for name in RULES if name in did) if body != text else ())


@lru_cache(maxsize=16)
def _rules(options: Options, role: Role) -> tuple[tuple[str, Rule], ...]:
    answer = role == "answer"
    rules: tuple[tuple[str, bool, Rule], ...] = (
        ("line_ends", options.line_ends, _unify_line_ends),
        ("unicode", options.unicode, _clean_unicode),
        ("smart_quotes", options.smart_quotes == "straight", _straighten_quotes),
        ("preamble", options.preamble and answer, strip_preamble),
        ("fence", options.fence and answer, partial(unwrap_fence, sql=options.sql != "off")),
        ("quotes", options.quotes and answer, partial(unwrap_quotes, json=options.json_spacing != "off")),
        ("closer", options.closer and answer, strip_closer),
        ("json", options.json_spacing != "off" and answer, partial(_respace_json, options=options)),
        ("sql", options.sql != "off" and answer, partial(_respace_sql, options=options)),
        ("whitespace", options.whitespace, tidy_spacing),
    )
    return tuple((name, rule) for name, wanted, rule in rules if wanted)


def _unify_line_ends(text: str) -> str:
    # Windows' text mode turns a CRLF into CR CR LF.
    return re.sub(r"(?<!\r)\r+\n|\r", "\n", text) if "\r" in text else text


def _respace_json(text: str, options: Options) -> str:
    return text if options.json_spacing == "off" else canonical_json(text, options.json_spacing)


def _respace_sql(text: str, options: Options) -> str:
    return canonical_sql(text, options.sql_keywords) if is_sql(text) else text


# --- characters --------------------------------------------------------------------------------------

_BEYOND_ASCII = re.compile(r"[^\t\n\x20-\x7E]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# Windows-1252 bytes that were decoded as Latin-1, with the intended characters, as in HTML parsers.
_CONTROLS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
_CONTROLS |= dict.fromkeys([*range(0x09), *range(0x0E, 0x20), 0x7F], "") | {0x0B: "\n", 0x0C: "\n"}
_CONTROLS |= {0x2028: "\n", 0x2029: "\n"}
_SPACES = dict.fromkeys([0xA0, 0x2007, 0x202F], " ")
_INVISIBLE = dict.fromkeys([0xAD, 0x180E, 0x2060, 0xFEFF], "")
_CHARACTERS = str.maketrans({**_CONTROLS, **_SPACES, **_INVISIBLE})
_RIGHT_TO_LEFT = re.compile(
    r"[\u0590-\u061B\u061D-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC\U00010800-\U00010FFF\U0001E800-\U0001EFFF]"
)
_BIDI = re.compile(r"[\u200E\u200F\u061C\u202A-\u202E\u2066-\u2069]")
# Joiners shape Persian, Indic scripts and emoji; zero-width spaces separate words in South-East Asian
# scripts.
_STRAY_JOINER = re.compile(r"(?<![^\x00-\x7F])[\u200C\u200D]+|[\u200C\u200D]+(?![^\x00-\x7F])")
_STRAY_SPACE = re.compile(r"(?<![\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF])\u200B+")
_FLAG_TAGS = re.compile(r"(\U0001F3F4[\U000E0020-\U000E007F]+)|[\U000E0000-\U000E007F]+")
_STRAIGHT = str.maketrans({**dict.fromkeys("“”„‟", '"'), **dict.fromkeys("‘’‚‛", "'")})


def _clean_unicode(text: str) -> str:
    """NFC (never NFKC, which turns ² into 2), without invisible characters that have no meaning."""
    if not _BEYOND_ASCII.search(text):
        return text
    text = text.removeprefix("\ufeff")
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    right_to_left = bool(_RIGHT_TO_LEFT.search(text))

    def clean(prose: str) -> str:
        prose = _ANSI.sub("", prose).translate(_CHARACTERS)
        prose = _FLAG_TAGS.sub(r"\1", _STRAY_SPACE.sub("", _STRAY_JOINER.sub("", prose)))
        return unicodedata.normalize("NFC", prose if right_to_left else _BIDI.sub("", prose))

    return map_prose(text, clean)


def _straighten_quotes(text: str) -> str:
    return map_prose(text, lambda prose: prose.translate(_STRAIGHT)) if not text.isascii() else text


# --- the agreed prefix -------------------------------------------------------------------------------

_EMPTY_LINES = re.compile(r"(?:[ \t]*\n)*")
_BLOCK_START = re.compile(r"[-*+] |\d{1,9}[.)] |#{1,6} |>|\||```|~~~| {4}|\t")
_CJK = "\u2e80"


def _without_prefix(body: str, prefix: str) -> tuple[str, bool]:
    """The answer without its prefix, and whether there was one."""
    words = prefix.strip()
    found = False
    while (text := body.lstrip(" \t\n")).startswith(words):
        rest = text[len(words) :]
        if rest and words[-1].isalnum() and rest[0].isalnum() and max(words[-1], rest[0]) < _CJK:
            break  # "History" also begins with "Hi"
        body, found = _skip_gap(rest, at_line_start=False), True
    return _skip_gap(body, at_line_start=True), found


def _with_prefix(body: str, prefix: str) -> str:
    if not body.strip():
        return prefix.strip()
    if _BLOCK_START.match(body) and not prefix.endswith("\n"):
        return f"{prefix.strip()}\n\n{body}"  # a list or a fence begins only after an empty line
    return prefix + ("" if prefix[-1].isspace() or prefix[-1] >= _CJK else " ") + body


def _skip_gap(text: str, *, at_line_start: bool) -> str:
    """Drop empty lines and blanks, but not the indentation of code."""
    lines = _EMPTY_LINES.match(text)
    rest = text[lines.end() :] if lines else text
    at_line_start = at_line_start or rest != text
    return rest if at_line_start and _BLOCK_START.match(rest) else rest.lstrip(" \t")
