"""Tells whether a text is code, data or a listing as a whole, and of which kind.

A guess by the shape of lines, made to err towards code: what is called code is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from synth.text.canonical import is_json, is_sql

_DIFF = re.compile(
    r"(?:diff --git |Index: |--- \S.*\n\+\+\+ |@@ -\d)|[\s\S]*?^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@", re.M
)
_MAKE = re.compile(r"^[\w./%$(){} -]+::?(?!=)[^\n]*\n\t\S", re.M)
_YAML_KEY = re.compile(r"""(?:- )*(?:[A-Za-z_][\w./-]*|"[^"]+"|'[^']+'):(?: |$)""")
_YAML_OTHER = re.compile(r"- |-$|#|---|\.\.\.$|[}\]]")
_FENCE = re.compile(r"^[ \t>]*(?:```|~~~)", re.M)
_LITERAL = re.compile(r"(\"\"\"|''')[\s\S]*?(?:\1|\Z)|/\*[\s\S]*?(?:\*/|\Z)|<!--[\s\S]*?(?:-->|\Z)")
_LOG = re.compile(r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
# A comment or a deep line says nothing about being code: Markdown has headings, and poems are indented.
_NEUTRAL = re.compile(r"#(?!include|define|ifn?def|pragma|!)|(?: {2}|\t)|[)\]}]")
_CODE_LINE = re.compile(
    r"""
    .*(?:[;{}]|=>|->|\\)\s*(?://.*|\#.*|/\*.*)?$                          # ends as in C, Java, JS, CSS
  | (?:async\ )?(?:def|class)\s+\w+.*:\s*(?:\#.*)?$                       # Python
  | (?:elif|else|try|except|finally|with|for|while|if)\b[^.?!]*:\s*(?:\#.*)?$
  | import\s+[\w.{}*,"']+(?:\s+as\s+\w+)?;?$ | from\s+[\w.]+\s+import\b
  | import\s+.*\bfrom\s+["']
  | (?:return|yield|raise|assert|print|echo|puts|local)\s+[\w."'\[({$-]\S*$
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
_MOST = 0.6


def code_kind(text: str) -> str | None:
    """The kind of code or data that the text is as a whole, or None for prose and mixed texts.

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
    """A makefile may begin with variables and comments; prose before the first rule makes it a mixed text."""
    rule = _MAKE.search(text)
    head = text[: rule.start()] if rule else "prose"
    return rule is not None and all(
        not line.strip() or line.startswith(("#", ".", "include ", "export ", "ifeq", "endif")) or "=" in line
        for line in head.split("\n")
    )


def _is_columns(text: str) -> bool:
    """Tab-separated: a tab within each line that is not empty. Comma-separated: the same commas in each."""
    lines = [line for line in text.split("\n") if line.strip()]
    if "\t" in text and all("\t" in line.strip() and not line.startswith("\t") for line in lines):
        return True
    commas = {line.count(",") for line in lines}
    tight = all(re.search(r",\S", line) and ", " not in line for line in lines)
    return len(lines) > 1 and len(commas) == 1 and tight


def _is_yaml(text: str) -> bool:
    keys = 0
    for line in text.split("\n"):
        if not line.strip() or line[0] in " \t":
            continue
        if _YAML_KEY.match(line):
            keys += 1
        elif not _YAML_OTHER.match(line):
            return False
    return keys > 1 or (keys == 1 and bool(re.search(r":\s*[|>]?[-+]?\n +\S", text)))


def _is_program(text: str) -> bool:
    if _FENCE.search(text):
        return False
    plain = _LITERAL.sub('"""', text)
    lines = [line for line in plain.split("\n") if line.strip()]
    telling = [line for line in lines if not _NEUTRAL.match(line) or _CODE_LINE.match(line.strip())]
    if not telling or not _CODE_LINE.match(telling[0].strip()):
        return False
    return sum(bool(_CODE_LINE.match(line.strip())) for line in telling) >= _MOST * len(telling)


def _is_log(text: str) -> bool:
    return bool(_LOG.match(text)) and text.count("\n") > 0


_KINDS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("json", is_json),
    ("diff", _is_diff),
    ("columns", _is_columns),
    ("makefile", _is_makefile),
    ("yaml", _is_yaml),
    ("sql", is_sql),
    ("log", _is_log),
    ("program", _is_program),
)
