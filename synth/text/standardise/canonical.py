"""Standardises the spacing of answers that are entirely JSON or SQL. Values, names and literals are not
changed.

Text that cannot be parsed with certainty is returned unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from synth.text.standardise.options import KeywordCase

JsonSpacing = Literal["compact", "indent"]

_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_JSON_STEP = "  "

_SQL_START = re.compile(
    r"""(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(?P<verb>
        (?-i:SELECT)\s | select\b(?:.*\bfrom\b|.*;\s*$|\s+[\d'(@]|\s+\w+\()
      | with\s+(?:recursive\s+)?[\w"`\[\]]+\s*(?:\([^)]*\)\s*)?as\s*(?:(?:not\s+)?materialized\s*)?\(
      | insert\s+(?:or\s+\w+\s+|ignore\s+)?into\s
      | update\s+(?:only\s+)?[\w."`\[\]]+(?:\s+(?:as\s+)?\w+)?\s+set\s
      | delete\s+from\s | merge\s+into\s | truncate\s+table\s | explain\s+(?:analyze\s+)?select\s
      | create\s+(?:or\s+replace\s+)?(?:(?:global|local)\s+)?(?:temp(?:orary)?\s+|unique\s+|materialized\s+)?
        (?:table|view|index|database|schema|function|procedure|trigger|sequence|type|extension|user|role)\s
      | (?:alter|drop)\s+(?:table|view|index|database|schema|function|sequence|type|column|user|role)\s
    )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_SQL_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<line_comment>--[^\n]*)
  | (?P<comment>/\*.*?(?:\*/|\Z))
  | (?P<dollar>(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag))
  | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
  | (?P<string>'(?:[^']|'')*')
  | (?P<name>"(?:[^"]|"")*"|`[^`]*`)
  | (?P<word>[\w$]+)
  | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_SQL_BRACKET = re.compile(r"\[(?:[^\]]|\]\])*\]")
# Syntax that differs between databases, or lines that a database client interprets itself.
_SQL_UNSURE = re.compile(
    r"""'''|\"{3}|\b[nN]?[qQ]'|^[^\S\n]*(?:(?:GO|/)[^\S\n]*;?[^\S\n]*$|\\|DELIMITER\b)
    |\#(?![>\-\#=&|])(?=[^\n]*\n)""",
    re.MULTILINE | re.IGNORECASE | re.VERBOSE,
)
_SQL_KEYWORD = re.compile(
    r"""
    all|and|as|asc|between|by|case|cast|create|cross|delete|desc|distinct|drop|else|end|except|exists|from
    |full|group|having|in|inner|insert|intersect|into|is|join|left|like|limit|not|null|offset|on|or|order
    |outer|over|partition|right|select|set|table|then|union|update|using|values|when|where|with
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Keywords that may follow each other without being a sentence.
_SQL_OTHER_WORD = re.compile(
    r"""
    add|at|column|constraint|current|default|double|fetch|first|following|foreign|if|index|key|last|next
    |nulls|only|preceding|precision|primary|recursive|references|row|rows|temporary|time|unbounded|unique
    |view|zone
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SENTENCE = 5


def is_json(text: str) -> bool:
    """Whether the text is one JSON object or array, and nothing else."""
    return _read_json(text) is not None


def canonical_json(text: str, spacing: JsonSpacing) -> str:
    """Respaces an object or array: without white space, or with one entry per line, indented by two.

    The order of keys, the spelling of numbers and escapes stay. Text that is not strictly JSON, or has a key
    twice in one object, is returned unchanged, because readers would interpret it differently.
    """
    if _read_json(text) is not True:
        return text
    tokens = _JSON_TOKEN.findall(text)
    return "".join(tokens) if spacing == "compact" else "".join(_indented(tokens))


def is_sql(text: str) -> bool:
    """Whether the text is only SQL statements. An English sentence that begins with such a verb is not
    SQL.
    """
    start = _SQL_START.match(text)
    if not start or text.rstrip().endswith((".", "!", ":")):
        return False
    if start["verb"][:2].istitle() and not re.search(r"[=*]|;\s*$", text):
        return False
    words = 0
    for token in _sql_tokens(text) or ():
        known = _SQL_KEYWORD.fullmatch(token.text) or _SQL_OTHER_WORD.fullmatch(token.text)
        words = words + 1 if token.kind == "word" and not known else 0
        if words >= _SENTENCE:
            return False
    return True


def canonical_sql(text: str, keywords: KeywordCase = "keep") -> str:
    """Puts SQL on one line: one space between tokens, none before `,` `;` `)` or after `(`.

    String literals, quoted names and comments keep every character. A `--` comment keeps its line end, so
    that it does not comment out the following code. Text in which quotes do not pair up, or which databases
    read in different ways (a backslash before a quote, nested comments, `#` before a line end), is returned
    as it is.
    """
    tokens = _sql_tokens(text)
    if not tokens:
        return text
    parts: list[str] = []
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else None
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        parts.append(_space_between(before, token) if before else "")
        qualified = (before and before.text == ".") or (after and after.text == ".")
        is_keyword = token.kind == "word" and not qualified and _SQL_KEYWORD.fullmatch(token.text)
        if is_keyword and keywords != "keep":
            parts.append(token.text.upper() if keywords == "upper" else token.text.lower())
        else:
            parts.append(token.text)
    return "".join(parts)


def _read_json(text: str) -> bool | None:
    """True for a clean document, False for one with a repeated key, None for anything else."""
    if not text.strip().startswith(("{", "[")):
        return None
    repeated = False

    def note_repeats(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeated
        repeated = repeated or len({key for key, _ in pairs}) < len(pairs)

    try:
        # Numbers stay text: turning them into Python's would fail on 5,000 digits.
        json.loads(
            text, object_pairs_hook=note_repeats, parse_int=str, parse_float=str, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        return None
    return not repeated


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _indented(tokens: list[str]) -> Iterator[str]:
    depth = 0
    for index, token in enumerate(tokens):
        empty = token in "{[" and tokens[index + 1] in "}]"
        closes_empty = token in "}]" and tokens[index - 1] in "{["
        if token in "}]" and not closes_empty:
            depth -= 1
            yield "\n" + _JSON_STEP * depth
        yield token
        if token in "{[" and not empty:
            depth += 1
        if (token in "{[" and not empty) or token == ",":
            yield "\n" + _JSON_STEP * depth
        elif token == ":":
            yield " "


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    space: str  # the white space before it


def _sql_tokens(text: str) -> list[_Token] | None:
    """Every token with the white space before it, or None if the syntax is not certain."""
    if _SQL_UNSURE.search(text):
        return None
    tokens: list[_Token] = []
    space = ""
    for kind, token in _sql_pieces(text):
        if kind == "space":
            space = token
        elif _is_unsure(kind, token):
            return None
        else:
            tokens.append(_Token(kind, token.rstrip() if kind == "line_comment" else token, space))
            space = ""
    return tokens


def _sql_pieces(text: str) -> Iterable[tuple[str, str]]:
    at = 0
    last_closing = text.rfind("]")
    while at < len(text):
        # `[` after a name or a bracket is a subscript; anywhere else it quotes a name, as in T-SQL.
        quotes_name = text[at] == "[" and not (at and (text[at - 1].isalnum() or text[at - 1] in '_)]"'))
        quotes_name = quotes_name and at < last_closing  # so that no pattern searches for a missing end
        match = (_SQL_BRACKET.match(text, at) if quotes_name else None) or _SQL_TOKEN.match(text, at)
        assert match is not None  # the last alternative matches any character
        yield (match.lastgroup or "bracket", match.group())
        at = match.end()


def _is_unsure(kind: str, token: str) -> bool:
    if kind == "mark":
        return token in "'\"`"
    if kind in ("string", "name"):
        return "\\'" in token or '\\"' in token
    if kind == "bracket":
        return "'" in token or '"' in token
    if kind == "comment":
        return "/*" in token[2:] or not token.endswith("*/") or len(token) < 4
    return kind == "word" and token.startswith("$") and "$" in token[1:]


def _space_between(before: _Token, token: _Token) -> str:
    if before.kind == "line_comment":
        return "\n"
    if before.kind == token.kind == "string" and "\n" in token.space:
        return "\n"  # the standard joins literals only if a line end is between them
    if token.text in (",", ";", ")") or before.text == "(":
        return ""
    return " " if token.space or before.text in (",", ";") else ""
