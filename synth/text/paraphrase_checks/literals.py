"""Checks the parts that a rewording must keep exactly: code, quoted strings, addresses, identifiers."""

from __future__ import annotations

import re
from typing import Final

from synth.text.code_spans import blocks, inline_code
from synth.text.paraphrase_checks.reasons import MeaningReason

_QUOTED: Final = re.compile(
    r"\"([^\"\n]{1,400})\"|“([^”\n]{1,400})”|„([^“”\n]{1,400})[“”]|«\s?([^»\n]{1,400}?)\s?»"
    r"|(?<!\w)‘([^’\n]{2,400})’(?!\w)"
    r"|(?<![\w'])'([^'\n]{2,400})'(?![\w'])"
)
_TECHNICAL: Final = re.compile(
    r"https?://[^\s<>\"')]+|www\.[^\s<>\"')]+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"
    r"|(?<![\w/])~?/(?:[\w.-]+/)+[\w.-]*"
    r"|(?<![\w-])--[a-z][\w-]+|\b\w+(?:_\w+)+\b|\b[a-z]+[A-Z]\w*\([^()\n]*\)|\b\w+(?:\.\w+){0,9}\(\)"
    r"|\$\{?\w+\}?(?<=[A-Za-z}])|\{\{?\s?\w+\s?\}?\}|\b[a-z]{2,}(?:[A-Z][a-z]+)+\b"
    r"|\b[\w-]{1,100}\.(?:py|js|ts|csv|json|ya?ml|txt|md|html?|pdf|docx?|xlsx?|png|jpe?g|sh|toml|sql|java|go|rs"
    r"|cpp|log|env|xml|exe|zip)\b"
    r"|(?<![\w$])\w*\[\d+\]|<\/?[a-z]\w*>"
)
_STOPS: Final = ".,;:!?"
_FENCE: Final = re.compile(r"^\s*(?:`{3,}|~{3,}).*$", re.MULTILINE)


def changed_literal(before: str, after: str) -> tuple[MeaningReason, str] | None:
    """`(CODE | QUOTED, words)` for the first literal of `before` that is not in `after`, or None."""
    plain = _spaced(after)
    for code in code_of(before):
        if _spaced(code) not in plain:
            return MeaningReason.CODE, f"{_short(code)} is not in it as it was"
    folded = _unquoted(plain)
    for quoted in quoted_of(before):
        if _unquoted(_spaced(quoted)).rstrip(_STOPS) not in folded:
            return MeaningReason.QUOTED, f"{_short(quoted)} is not in it as it was"
    return None


def code_of(text: str) -> list[str]:
    """Fenced and indented code, code spans, and text that looks like code (addresses, paths, identifiers).

    Each once, in the order of the text.
    """
    found: list[str] = []
    for block in blocks(text):
        paragraph = "\n".join(block.lines)
        if block.kind == "code":
            found.append(_FENCE.sub("", paragraph).strip())
            continue
        spans = inline_code(paragraph)
        found += [re.sub(r"^`+ ?| ?`+$|</?\w+[^<>]*>", "", paragraph[start:end]) for start, end in spans]
        outside = _without_spans(paragraph, spans)
        found += [match.group().rstrip(_STOPS) for match in _TECHNICAL.finditer(outside)]
    return [code for code in dict.fromkeys(found) if code]


def without_code(text: str) -> str:
    """The text with a space in place of each piece of code."""
    return "\n".join(
        " " if block.kind == "code" else _prose("\n".join(block.lines)) for block in blocks(text)
    )


def _prose(paragraph: str) -> str:
    return _TECHNICAL.sub(_stops_behind, _without_spans(paragraph, inline_code(paragraph)))


def _without_spans(paragraph: str, spans: list[tuple[int, int]]) -> str:
    starts = [0, *(end for _, end in spans)]
    ends = [*(start for start, _ in spans), len(paragraph)]
    return " ".join(paragraph[start:end] for start, end in zip(starts, ends, strict=True))


def _stops_behind(match: re.Match[str]) -> str:
    """A space, and the punctuation that ends the sentence and not the code."""
    return " " + match.group()[len(match.group().rstrip(_STOPS)) :]


def quoted_of(text: str) -> list[str]:
    """The texts between quotation marks of any kind."""
    return [next(group for group in match.groups() if group) for match in _QUOTED.finditer(text)]


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _unquoted(text: str) -> str:
    return re.sub(r"[\"“”„«»‘’']", "", text).lower()


def _short(text: str) -> str:
    line = _spaced(text)
    return repr(line if len(line) <= 60 else line[:57] + "...")
