"""Detects texts that are entirely code, data or a listing, and their kind.

The detection guesses from the shape of lines. In doubt it says code, because code is left unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from synth.text.standardise.canonical import is_json, is_sql

_DIFF = re.compile(
    r"(?:diff --git |Index: |--- \S.*\n\+\+\+ |@@ -\d)|[\s\S]*?^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@", re.M
)
_MAKE = re.compile(r"^[\w./%$(){} -]+::?(?!=)[^\n]*\n\t\S", re.M)
_YAML_KEY = re.compile(r"""(?:- )*(?:[A-Za-z_][\w./-]*|"[^"]+"|'[^']+'):(?: |$)""")
_YAML_NESTED = re.compile(r"^[\w.\"'-]+:[ ]*[|>]?[-+]?\n[ ]+(?:- )?\S", re.MULTILINE)
_YAML_OTHER = re.compile(r"- |-$|#|---|\.\.\.$|[}\]]")
_FENCE = re.compile(r"^[ \t>]*(?:```|~~~)", re.M)
_LITERAL = re.compile(r"(\"\"\"|''')[\s\S]*?(?:\1|\Z)|/\*[\s\S]*?(?:\*/|\Z)|<!--[\s\S]*?(?:-->|\Z)")
# Machine input and output: logs, HTTP, sessions of a shell or an interpreter.
_LISTING = re.compile(
    r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|[A-Z]{3,7} \S+ HTTP/\d|HTTP/\d|[$%] +[\w./~-]+|>>> |In \[\d+\]:|%YAML"
)
# Comments and indentation do not prove code: Markdown has headings, and poems are indented.
_NEUTRAL = re.compile(r"#(?!include|define|ifn?def|pragma|!)|(?: {2}|\t)|[)\]}]")
_CODE_LINE = re.compile(
    r"""
    (?:async\ )?(?:def|class)\s+\w+.*:\s*(?:\#.*)?$                       # Python
  | (?:elif|else|try|except|finally|with|for|while|if)\b[^.?!]*:\s*(?:\#.*)?$
  | import\s+[\w.{}*,"']+(?:\s+as\s+\w+)?;?$ | from\s+[\w.]+\s+import\b
  | import\s+.*\bfrom\s+["']
  | (?:return|yield|raise|assert|print|echo|local)\s+[\w."'\[({$-]\S*$
  | puts\s | lambda\b.*: | [\w.$]+\s*<-\s | .*\sdo(?:\s+\|.*\|)?$ | [\[({].*\sfor\s.*\sin\s.*[\])}]$
  | (?://|\#include|\#define|\#ifn?def|\#pragma|\#!|"{3}|'{3}|--\ |/\*)
  | (?:(?:const|let|var|local|export|static|final|int|char|float|double|auto|val|my|mut|public|private)\s+)*
    [\w.$\[\]"'@*&-]+(?:\s*:\s*[\w\[\],\ |.]+)?\s*(?::=|[-+*/|&%?]?=)(?!=)\s*\S   # assignment
  | [\w.]+(?:::\w+)*!?\(.*\)\s*(?:\#.*)?$                                 # a call
  | @\w+(?:\(.*\))?$ | <[/!?a-zA-Z][^>]*>(?:.*>)?$                                 # decorator, markup
  | \$\s+\w+ | >>>\s | (?:sudo|npm|pip3?|git|docker|kubectl|curl|apt(?:-get)?|mkdir|chmod|grep|ssh)\s+[\w./-]
  | \((?:def\w*|let\*?|lambda|if|cond|set[qf!]?|require|ns|loop|print\w*|display|format)\b         # Lisp
  | (?:end|fi|done|esac|do|then|begin)\s*;?$ | \w+\s+::\s+\S              # Ruby, shell, Haskell
  | (?:mov|lea|push|pop|call|ret|jmp|cmp|xor)\b.*\b[re]?[abcd]x\b         # assembly
  | \\(?:documentclass|usepackage|begin|end|section)\b                    # LaTeX
  | \[[\w.\-]+\]$                                                         # INI, TOML
  | (?:FROM|RUN|COPY|CMD|ENTRYPOINT|ENV|WORKDIR|EXPOSE|ARG)\s+\S          # Dockerfile
  | (?:package|func|fn|use|using|namespace|module|require)\s+[\w.:"'/\\]+;?$
    """,
    re.VERBOSE,
)
_CODE_MARKS = frozenset("()=[]{}<>$_+")
_COMMENT = re.compile(r"\s*(?://|/\*|# )")
_LONGEST_LINE = 1000
_MOST = 0.6


@lru_cache(maxsize=32)  # several rules ask about the same text
def code_kind(text: str) -> str | None:
    """The kind of code or data of the whole text, or None for prose and mixed texts.

    A Markdown text with code in fences is not code: `code_spans.blocks` finds its parts.
    """
    if not text or text.isspace():
        return None
    return next((kind for kind, is_kind in _KINDS if is_kind(text)), None)


def _is_diff(text: str) -> bool:
    return ("@@ -" in text or text.startswith(("diff --git ", "--- ", "Index: "))) and bool(_DIFF.match(text))


def _is_makefile(text: str) -> bool:
    return (
        "\n\t" in text
        and not _FENCE.search(text)
        and bool(_MAKE.match(text.lstrip("\n")) or _make_later(text))
    )


def _make_later(text: str) -> bool:
    """Whether it is a makefile that begins with variables and comments. With prose before the first rule,
    it is mixed.
    """
    rule = _MAKE.search(text)
    head = text[: rule.start()] if rule else "prose"
    return rule is not None and all(
        not line.strip() or line.startswith(("#", ".", "include ", "export ", "ifeq", "endif")) or "=" in line
        for line in head.split("\n")
    )


def _is_columns(text: str) -> bool:
    """Whether each line has a tab, or the same number of commas or semicolons without a space after them."""
    lines = [line for line in text.split("\n") if line.strip()]
    if "\t" in text and all("\t" in line.strip() and not line.startswith("\t") for line in lines):
        return True
    return len(lines) > 1 and any(_same_cells(lines, separator) for separator in ",;")


def _same_cells(lines: list[str], separator: str) -> bool:
    counts = {line.count(separator) for line in lines}
    tight = all(separator in line.strip()[:-1] and f"{separator} " not in line for line in lines)
    return len(counts) == 1 and tight


def _is_yaml(text: str) -> bool:
    """Whether all lines are YAML. "Question: ... Answer: ..." is prose, so keys must be nested or in lower
    case.
    """
    keys: list[str] = []
    for line in text.split("\n"):
        if not line.strip() or line[0] in " \t":
            continue
        if _YAML_KEY.match(line):
            keys.append(line.lstrip("- \"'"))
        elif not _YAML_OTHER.match(line):
            return False
    nested = bool(_YAML_NESTED.search(text))
    lower = sum(key[:1].islower() for key in keys)
    return (len(keys) > 1 and (nested or 2 * lower >= len(keys))) or (len(keys) == 1 and nested)


def _is_program(text: str) -> bool:
    if _FENCE.search(text):
        return False
    plain = _LITERAL.sub('"""', text)
    lines = [line for line in plain.split("\n") if line.strip()]
    if not lines or (_NEUTRAL.match(lines[0]) is None and not _is_code_line(lines[0])):
        return False
    verdicts = [_is_code_line(line) for line in lines]
    telling = [
        verdict for line, verdict in zip(lines, verdicts, strict=True) if verdict or not _NEUTRAL.match(line)
    ]
    return bool(telling) and telling[0] and sum(telling) >= _MOST * len(telling)


def _is_code_line(line: str) -> bool:
    line = line.strip()[:_LONGEST_LINE]
    comment = _COMMENT.search(line)
    body = line[: comment.start()] if comment else line
    if body.endswith(("{", "}", "=>", "->", "\\")):
        return True
    if body.endswith(";"):  # lines of verse look the same, but have only plain words
        return len(body.split()) <= 3 or not _CODE_MARKS.isdisjoint(body)
    return bool(_CODE_LINE.match(line))


def _is_listing(text: str) -> bool:
    return "\n" in text and bool(_LISTING.match(text))


_KINDS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("json", is_json),
    ("diff", _is_diff),
    ("columns", _is_columns),
    ("makefile", _is_makefile),
    ("yaml", _is_yaml),
    ("sql", is_sql),
    ("listing", _is_listing),
    ("program", _is_program),
)
