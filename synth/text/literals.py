"""What has to be in a rewording letter for letter: code, quoted strings, addresses, identifiers."""

from __future__ import annotations

import re
from typing import Final

from synth.text.code_spans import blocks, inline_code

_QUOTED: Final = re.compile(
    r"\"([^\"\n]{1,400})\"|“([^”\n]{1,400})”|„([^“”\n]{1,400})[“”]|«\s?([^»\n]{1,400}?)\s?»"
    r"|(?<!\w)‘([^’\n]{2,400})’(?!\w)"
    r"|(?<![\w'])'([^'\n]{2,400})'(?![\w'])"
)
_TECHNICAL: Final = re.compile(
    r"https?://[^\s<>\"')]+|www\.[^\s<>\"')]+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"
    r"|(?<![\w/])~?/(?:[\w.-]+/)+[\w.-]*"
    r"|(?<![\w-])--[a-z][\w-]+|\b\w+(?:_\w+)+\b|\b[a-z]+[A-Z]\w*\([^()\n]*\)|\b\w+(?:\.\w+)*\(\)"
    r"|\$\{?\w+\}?(?<=[A-Za-z}])|\{\{?\s?\w+\s?\}?\}|\b[a-z]{2,}(?:[A-Z][a-z]+)+\b"
    r"|\b[\w-]+\.(?:py|js|ts|csv|json|ya?ml|txt|md|html?|pdf|docx?|xlsx?|png|jpe?g|sh|toml|sql|java|go|rs"
    r"|cpp|log|env|xml|exe|zip)\b"
    r"|(?<![\w$])\w*\[\d+\]|<\/?[a-z]\w*>"
)
_FENCE: Final = re.compile(r"^\s*(?:`{3,}|~{3,}).*$", re.MULTILINE)


def changed_literal(before: str, after: str) -> tuple[str, str] | None:
    """`("code" | "quoted", words)` for the first literal of `before` that is not in `after`, or None."""
    plain = _spaced(after)
    for code in code_of(before):
        if _spaced(code) not in plain:
            return "code", f"{_short(code)} is not in it as it was"
    folded = _unquoted(plain)
    for quoted in quoted_of(before):
        if _unquoted(_spaced(quoted)).rstrip(".,;:!?") not in folded:
            return "quoted", f"{_short(quoted)} is not in it as it was"
    return None


def code_of(text: str) -> list[str]:
    """Fenced and indented code, code spans, and what is code by its look: addresses, paths, identifiers."""
    found: list[str] = []
    for block in blocks(text):
        joined = "\n".join(block.lines)
        if block.kind == "code":
            found.append(_FENCE.sub("", joined).strip())
            continue
        spans = inline_code(joined)
        found += [re.sub(r"^`+ ?| ?`+$|</?\w+[^<>]*>", "", joined[a:b]) for a, b in spans]
        outside = "".join(" " if any(a <= i < b for a, b in spans) else c for i, c in enumerate(joined))
        found += [match.group().rstrip(".,;:!?") for match in _TECHNICAL.finditer(outside)]
    return [code for code in found if code]


def quoted_of(text: str) -> list[str]:
    """What stands between quotation marks of any kind."""
    return [next(group for group in match.groups() if group) for match in _QUOTED.finditer(text)]


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _unquoted(text: str) -> str:
    return re.sub(r"[\"“”„«»‘’']", "", text).lower()


def _short(text: str) -> str:
    line = _spaced(text)
    return repr(line if len(line) <= 60 else line[:57] + "...")
