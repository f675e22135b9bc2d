"""Reads replies that quote before they answer: `<quote>...</quote> <answer>...</answer>`, or `NOT FOUND`.

The answer is plain text, because code and Markdown suffer from the escapes of a JSON string. A prompt whose
`output` is a JSON schema is answered with one object instead (`supported`, `quote`, `answer`), which very
small models need: a server can force it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from synth.llm.base import Reply
from synth.prompts import Prompt
from synth.stages.asking import Unusable
from synth.stages.reply_reasons import ReplyReason
from synth.stages.respond.reasons import RespondReason
from synth.stages.structured_output import read_text, reads_object

_QUOTE: Final = re.compile(r"<quote>(.*?)</quote>", re.DOTALL | re.IGNORECASE)
# The end tag is often missing at the end of a reply.
_ANSWER: Final = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL | re.IGNORECASE)
_NOT_FOUND: Final = re.compile(r"\W*NOT[ _]FOUND\W*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CitedReply:
    """An answer and the quotes that it rests on."""

    answer: str
    quotes: tuple[str, ...]


def read_cited(reply: Reply, prompt: Prompt) -> CitedReply | None:
    """The parts of a reply to `prompt`. None: it says that no passage holds an answer. Raises `Unusable`."""
    cited = _from_object(reply, prompt) if prompt.schema else _from_tags(reply)
    if cited is not None and not cited.answer:
        raise Unusable(ReplyReason.EMPTY, "the answer is empty")
    return cited


def _from_tags(reply: Reply) -> CitedReply | None:
    text = read_text(reply)
    quotes = tuple(quote.strip() for quote in _QUOTE.findall(text) if quote.strip())
    answer = _ANSWER.search(text)
    if not quotes and _NOT_FOUND.fullmatch(answer[1] if answer else text):
        return None
    if not quotes:
        raise Unusable(RespondReason.QUOTE_NOT_FOUND, f"the reply has no <quote>: {text[:200]!r}")
    rest = answer[1] if answer else text[text.lower().rindex("</quote>") + len("</quote>") :]
    return CitedReply(_QUOTE.sub("", rest).strip(), quotes)


def _from_object(reply: Reply, prompt: Prompt) -> CitedReply | None:
    said = reads_object(prompt.schema)(reply)
    if not said["supported"]:
        return None
    return CitedReply(str(said["answer"]).strip(), (str(said["quote"]).strip(),))
