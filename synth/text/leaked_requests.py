"""Reads requests that a model wrote, and finds those in which it speaks of its task instead of doing it."""

from __future__ import annotations

import re

from synth.text.prompt_leakage import repeated_run

# What a model writes before the request: "Request:", "Here is the instruction:".
_LABEL = re.compile(
    r"\W*(?:(?:sure|certainly)\W+)?(?:here(?:['’]s|\ is)\ )?(?:(?:the|a|an|new|user['’]?s?)\ ){0,3}"
    r"(?:request|instruction)\W*:\W*(?=\w)",
    re.IGNORECASE,
)
_QUOTES = (('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"), ("「", "」"))

# A line of a prompt that is a heading: a few words, and a colon at the end.
_HEADING = re.compile(r"^\W*(\w[^\n:]{0,40}?)\W*:\W*$", re.MULTILINE)

_MADE = r"(?:revised|rewritten|reworded|rephrased|evolved|modified)"
_REQUEST = r"(?:request|prompt|sentence|version|question|instruction)"
# A sentence about the rewriting: "Here is a revised version of your sentence:". "The new request" does not
# count, because users of a help desk write that, too.
_COMMENT = re.compile(
    rf"""
    \bhere(?:['’]s|\ is)\ (?:a|an|the|my|your)\ (?:[\w-]+,?\ (?:and\ )?){{0,4}}
      version\ of\ (?:the|this|your|my)\ (?:original\ )?{_REQUEST}\b
  | \bhere(?:['’]s|\ is)\ (?:a|an|the|my|your)\ {_MADE}\ {_REQUEST}\b
  | ^\W*(?:in\ )?(?:this|the)\ {_MADE}\ {_REQUEST}\b
  | ^\W*(?:the\ )?(?:{_MADE}|given|created|original|new)\ prompt\W*:
  | </?(?:request|new_request|response|answer)>
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


def bare_request(text: str) -> str:
    """The request without the announcement and the quotation marks that small models add."""
    text = _LABEL.sub("", text, count=1) if _LABEL.match(text) else text
    quoted = len(text) > 1 and any(text[0] == first and text[-1] == last for first, last in _QUOTES)
    return text[1:-1].strip() if quoted else text.strip()


def leaked(text: str, frame: str, source: str) -> str | None:
    """The words in `text`, a request made from `source`, that come from its prompt or speak of it, or None.

    `frame` is the prompt without the request. Its headings and its runs of five words count if `source` does
    not have them. In a script without spaces, a run has about as many characters as five words.
    """
    if comment := _COMMENT.search(text):
        return comment[0].strip()
    headings = _headings(text) & _headings(frame) - _headings(source)
    return min(headings, default=None) or repeated_run(text, frame, source)


def _headings(text: str) -> set[str]:
    return {heading.casefold() for heading in _HEADING.findall(text)}
