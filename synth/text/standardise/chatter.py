"""Removes a model's chatter around an answer: preambles, closers, and unnecessary wrapping.

Works only on sentences about the answer itself ("Here is the rewritten text:"). A first sentence with content
("Sure, you can return it within 30 days.") is the answer, and is kept. `chatter_by_language` has the patterns
of other languages than English.
"""

from __future__ import annotations

import re

from synth.text.code_kinds import code_kind
from synth.text.code_spans import blocks
from synth.text.standardise.canonical import is_json, is_sql
from synth.text.standardise.chatter_by_language import first_line, last_sentence, opened_line

# The languages whose preambles and closers are known.
SPOKEN = ("en", "de", "fr", "es", "it", "pt", "nl", "ja", "zh")

# Pieces of verbose patterns, hence the escaped blanks.
_TEXT = (
    r"(?:text|version|sentence|paragraph|e-?mail|message|passage|article|letter|essay|question|prompt|instruction"
    r"|review|post|copy|draft|response|answer|reply|document|story|conversation|request)s?"
)
_REDONE = (
    r"(?:re-?written|revised|paraphrased|re-?worded|rephrased|corrected|edited|polished|improved|updated|translated"
    r"|summari[sz]ed|shortened|simplified)"
)
_LANGUAGE = r"(?:\ in(?:to)?\ [A-Z][a-z]+(?:\ [a-z]+)?)?"
# Announces the text itself: safe to drop without looking at the text after it.
_ABOUT_ITSELF = re.compile(
    rf"""
    \b{_REDONE}\ (?:[\w'’-]+\ ){{0,2}}{_TEXT}\b
  | \b(?:response|answer|reply|rewrite|rewording|paraphrase|translation|summary
      |(?:SQL\ )?query|SQL(?:\ statement)?
      |JSON(?:\ (?:object|array|response|output|representation))?)
    (?:\ (?:to|of|for)\ (?:the|this|that|your)\ (?:[\w'’-]+\ ){{0,2}}{_TEXT})?{_LANGUAGE}
    (?:,?\ (?:that\ )?(?:you\ (?:requested|asked\ for|wanted)|as\ requested|for\ you|below))?\s*$
    """,
    re.VERBOSE,
)
_MADE = re.compile(
    r"\b(?:poem|story|haiku|limerick|joke|song|e-?mail|letter|essay|paragraph|draft|example|outline|code|function"
    r"|script|program|table|list|message|description|title|tweet|speech|dialogue|template|sentence)s?\b",
    re.IGNORECASE,
)
_OPENER = (
    r"(?:Sure(?:\ thing)?|Certainly|Of\ course|Absolutely|Definitely|Okay|OK|Al(?:l\ )?right"
    r"|Great(?:\ question)?|Good\ question|Got\ it|Understood|No\ problem|Gladly"
    r"|With\ pleasure|Happy\ to\ help"
    r"|I(?:['’]d|\ would)\ be\ (?:happy|glad)\ to\ (?:help|assist)[^.!?:\n]{0,60})"
)
_OFFER = r"(?:I(?:['’]d|['’]ll|\ would|\ can|\ will)[^.!?:\n]{0,80}[.!]\s+)?"
_ANNOUNCEMENT = re.compile(
    rf"""
    \s*(?P<bold>\*\*)?(?:(?P<opener>{_OPENER})\s*(?:[,.!]|\s[-–—])+\s*{_OFFER})?
    (?:(?:[Hh]ere\ you\ (?:go|are)|[Hh]ere\ it\ is)(?P<bare>)
      |(?:[Hh]ere(?:['’]s|\ is|\ are)|[Bb]elow\ (?:is|are))\ (?P<what>[^.!?:\n]{{1,160}})
      |[Tt]he\ (?P<ready>{_REDONE}\ {_TEXT})\ is
      |I(?:['’]ve|\ have)\ (?P<done>{_REDONE}\ (?:it|(?:[\w'’-]+\ ){{0,3}}{_TEXT})\b[^.!?:\n]{{0,100}}))
    (?P<end>[:.!])(?(bold)\*\*)(?P<gap>[ \t]*\n\s*?(?=[^\n]*\S)|[ \t]+(?=\S))
    """,
    re.VERBOSE,
)
_LABEL = re.compile(
    rf"""\s*(?:\#{{1,6}}\ |\*\*)?
    (?:Response|RESPONSE|(?:Final\ )?Answer|ANSWER|Assistant|ASSISTANT|(?=[A-Z])(?i:{_REDONE}\ {_TEXT}))
    (?:\*\*:|:\*\*|:)[ \t]*(?:\n(?:[ \t]*\n)*)?""",
    re.VERBOSE,
)
_OTHER_LABEL = re.compile(r"^(?:#{1,6} |\*\*)?[A-Z][A-Za-z ]{0,24}(?:\*\*)?:|^#{1,6} \S", re.MULTILINE)
_AS_AI = re.compile(
    r"\s*As an? (?:(?:AI|artificial intelligence|large|language)[ -]?)+(?:model|assistant|chatbot)?"
    r"(?: (?:developed|created|trained|made|built) by [A-Z][\w ]{1,30}?)?(?:(?<=\w), | (?=I\b)|(?<= )(?=I\b))"
)
_BLOCK = re.compile(r"\s*(?:[-*+•] |\d{1,3}[.)] |#{1,6} |>|\||```|~~~|[{\[<])")

_RULED = re.compile(r"\s*(?P<line>-{3,}|\*{3,}|_{3,})[ \t]*\n[ \t]*\n")

_CLOSER = re.compile(
    r"""
    (?:(?<=[.!?)\]"”’*])[ ]+|\n\s*)
    (?:
      (?:Please\ |Just\ |And\ |But\ )?
        (?:[Ll]et\ me\ know|[Ff]eel\ free\ to\ (?:ask|reach\ out|let\ me\ know|contact\ me))
        (?=[^.!?\n]*\b(?:help\w*|questions?|anything|further|assist\w*|clarif\w*)\b)[^.!?\n]{0,120}
    | (?:I\ )?[Hh]ope\ (?:this|that|it)\ (?:helps|answers|clarifies|is\ helpful|was\ helpful)[^.!?\n]{0,60}
    | If\ you\ (?:have|need|['’]d\ like|would\ like|want)\ (?:any|further|more|anything)\b[^.!?\n]{0,80},
        \ (?:please\ |just\ )?(?:feel\ free|do\ not\ hesitate|don['’]t\ hesitate|let\ me\ know)[^.!?\n]{0,80}
    | (?:Is\ there|Do\ you\ need|Can\ I\ help\ (?:you\ )?with)\ (?:anything|something)\ else[^.!?\n]{0,60}
    )
    [.!?]+[ ]*[\U0001F300-\U0001FAFF\u2600-\u27BF\uFE0F]*\Z
    """,
    re.VERBOSE,
)

_LONGEST_CLOSER = 300

_WRAPPED = re.compile(
    r"\s*(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[ \t]*\n(?P<body>.*)\n[ \t]*(?P=fence)\s*\Z",
    re.DOTALL,
)
_TEXT_FENCES = frozenset({"text", "txt", "plain", "plaintext", "plain-text"})
_MARKDOWN_FENCES = frozenset({"markdown", "md"})
_SQL_FENCES = frozenset({"sql", "postgresql", "postgres", "mysql", "sqlite", "tsql", "bigquery", "snowflake"})
# Spacing and drawings that need a fence.
_NEEDS_FENCE = re.compile(r"^[ \t]|\S(?: {2,}|\t)\S|[\u2500-\u257F]|[|+]--|--[|+]", re.MULTILINE)
_LINE_OF_PROSE = re.compile(r"\s*(?:[-*+•>] |\d{1,3}[.)] |[\"'“‘(]|\*\*)?[^\W\d_a-z]")
_QUOTE_PAIRS = (('"', '"'), ("“", "”"), ("'", "'"), ("‘", "’"), ("„", "“"), ("«", "»"), ("「", "」"))


def strip_preamble(text: str) -> str:
    """Drop announcements, labels and "As an AI language model," at the very start; never the whole text."""
    before = None
    while before != text:
        before = text
        for strip in (_strip_announcement, _strip_first_line, _strip_label, _strip_as_ai):
            rest = strip(text)
            if rest.strip():
                text = rest
    return text


def strip_closer(text: str) -> str:
    """Drop an offer of more help from the end ("I hope this helps!"); never the whole text, never code."""
    kept = text.rstrip()
    last = blocks(kept)[-1]
    if last.kind == "code":
        return text
    begin = len(kept) - len("\n".join(last.lines))
    while len(kept) > begin:
        start = max(0, len(kept) - _LONGEST_CLOSER)
        found = _CLOSER.search(kept, start)
        end = found.start() if found else last_sentence(kept, start)
        if end is None or not kept[:end].strip():
            break
        kept = kept[:end].rstrip()
    return text if kept == text.rstrip() else kept


def unwrap_fence(text: str, *, sql: bool = False) -> str:
    """Removes a fence around the whole answer if the content does not need it: prose, Markdown or JSON.

    SQL comes out only if `sql` says that answers are SQL. Code, listings and drawings keep their fence.
    """
    wrapped = _WRAPPED.match(text)
    if not wrapped:
        return text
    body, language = wrapped["body"], wrapped["language"].lower()
    markdown = language in _MARKDOWN_FENCES
    if not body.strip() or not _holds_together(body, wrapped["fence"], nested=markdown):
        return text
    if language in ("", "json"):
        needless = is_json(body) or (language == "" and (_is_prose(body) or (sql and is_sql(body))))
    elif language in _SQL_FENCES:
        needless = sql and is_sql(body)
    else:
        is_text = language in _TEXT_FENCES and not _NEEDS_FENCE.search(body) and not code_kind(body)
        needless = markdown or is_text
    return body if needless else text


def unwrap_quotes(text: str, *, json: bool = False) -> str:
    """Removes quotation marks around the whole answer, if the same marks occur nowhere else in it.

    With `json`, double quotes stay, because JSON texts need them.
    """
    stripped = text.strip()
    if json and stripped.startswith('"'):
        return text
    for left, right in _QUOTE_PAIRS:
        if len(stripped) < 3 or not (stripped.startswith(left) and stripped.endswith(right)):
            continue
        inner = stripped[1:-1]
        marks = re.sub(r"(?<=\w)['’](?=\w)", "", inner)
        if inner.strip() and left not in marks and right not in marks and "\\" not in inner:
            return inner
    return text


def _strip_announcement(text: str) -> str:
    found = _ANNOUNCEMENT.match(text)
    if not found:
        return text
    rest = text[found.end() :]
    own_line = "\n" in found["gap"]
    what = found["what"] or ""
    if found["bare"] is not None:
        drop = own_line
    elif found["ready"] or found["done"] or _ABOUT_ITSELF.search(what.rstrip("*")):
        drop = found["end"] == ":" or (own_line and found["opener"] is not None)
    else:
        stands_alone = bool(_BLOCK.match(rest) or _MADE.search(what) or "\n" in rest.strip())
        drop = found["opener"] is not None and found["end"] == ":" and own_line and stands_alone
    return _unrule(rest) if drop else text


def _strip_first_line(text: str) -> str:
    if end := first_line(text):
        return _unrule(text[end:])
    end = opened_line(text)
    rest = text[end:]
    return _unrule(rest) if end and (_BLOCK.match(rest) or "\n" in rest.strip()) else text


def _unrule(text: str) -> str:
    """Drops the rule between an announcement and its text, and the same rule below the text. YAML's `---`
    stays.
    """
    rule = _RULED.match(text)
    if not rule:
        return text
    rest = text[rule.end() :]
    return re.sub(rf"\n\s*{re.escape(rule['line'])}\s*\Z", "", rest) if rest.strip() else text


def _strip_label(text: str) -> str:
    found = _LABEL.match(text)
    rest = text[found.end() :] if found else text
    # With other labels ("Answer: B / Reason: ...") it is part of an agreed format.
    return text if _OTHER_LABEL.search(rest) else rest


def _strip_as_ai(text: str) -> str:
    found = _AS_AI.match(text)
    if not found:
        return text
    rest = text[found.end() :]
    return rest[:1].upper() + rest[1:]


def _holds_together(body: str, fence: str, *, nested: bool) -> bool:
    """Whether the outer fence closes only at the end: no fence inside, or (`nested`) only closed ones."""
    inner = re.findall(rf"^ {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*(\S*)", body, re.MULTILINE)
    if not nested:
        return not inner
    opened, closed = inner[::2], inner[1::2]
    return len(opened) == len(closed) and all(opened) and not any(closed)


def _is_prose(body: str) -> bool:
    if _NEEDS_FENCE.search(body) or code_kind(body):
        return False
    lines = [line for line in body.split("\n") if line.strip()]
    letters = sum(character.isalpha() or character.isspace() for character in body)
    return all(_LINE_OF_PROSE.match(line) for line in lines) and letters >= 0.8 * len(body)
