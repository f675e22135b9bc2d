"""Separates what a message asks from the text that it brings along.

A source joins `instruction` and `input` with a blank line, and people paste a text in the same way. The
answer depends on every letter of that text, so only the paragraph that asks is reworded. This holds for all
rows, because drafts and messages do not say where their input begins. A message of several paragraphs without
an input has less variety by it, but its answer still fits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from synth.text.lexicon import words_of
from synth.text.tokens import word_count

_BLANK_LINE: Final = re.compile(r"\s*\n[ \t]*\n\s*")
_MOST_GREETING: Final = 4  # words: "Hi dear support team,"
_ASKS: Final = ("?", ":", "？", "：")


@dataclass(frozen=True, slots=True)
class RequestParts:
    """The paragraph that asks, and what is before and behind it, with the blank lines."""

    before: str
    instruction: str
    after: str

    @property
    def input(self) -> str:
        """The text that comes with the instruction. Empty if there is none."""
        return "\n\n".join(part.strip() for part in (self.before, self.after) if part.strip())

    def instruction_in(self, message: str) -> str:
        """The instruction of another message with the same input."""
        return message[len(self.before) : len(message) - len(self.after)]

    def reworded(self, instruction: str) -> str:
        """The whole message with another instruction. A repeated input in it is removed."""
        alone = instruction.removesuffix(self.after.strip()).removeprefix(self.before.strip()).strip()
        return f"{self.before}{alone or instruction}{self.after}"


def parts_of(request: str) -> RequestParts:
    """The parts of a message.

    The first paragraph asks, unless it is a greeting. The last one does instead if it is shorter and ends
    like a question, and the first one does not.
    """
    paragraphs = _paragraphs(request)
    asking = next((n for n, (start, end) in enumerate(paragraphs) if not _greets(request[start:end])), 0)
    (start, end), last = paragraphs[asking], paragraphs[-1]
    first_asks = request[start:end].endswith(_ASKS)
    if request[slice(*last)].endswith(_ASKS) and not first_asks and last[1] - last[0] < end - start:
        start, end = last
    return RequestParts(request[:start], request[start:end], request[end:])


def _greets(paragraph: str) -> bool:
    words = re.findall(r"[^\W\d_]+", paragraph.lower())
    short = word_count(paragraph) <= _MOST_GREETING and paragraph.endswith((",", "!"))
    return short or all(word in words_of("pleasantries") for word in words)


def _paragraphs(request: str) -> list[tuple[int, int]]:
    """The places of the paragraphs, without the white space around the request."""
    start, stop = len(request) - len(request.lstrip()), len(request.rstrip())
    places = []
    for match in _BLANK_LINE.finditer(request, start, stop):
        places.append((start, match.start()))
        start = match.end()
    return [*places, (start, stop)]
