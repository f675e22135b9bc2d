"""The filters of drafts: those of Self-Instruct, and for loops, leaks of the prompt and copied answers.

A rule that a seed breaks does not apply to drafts.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Sequence

from synth.conversation import Conversation, content_of
from synth.reasons import Reason
from synth.stages.generate.options import GenerateOptions
from synth.stages.generate.reasons import GenerateReason
from synth.stages.reply_reasons import ReplyReason
from synth.text.prompt_leakage import PromptWords
from synth.text.repetition import repeated_share
from synth.text.similarity.novelty import NoveltyIndex
from synth.text.tokens import word_count

# ROUGE-L F1. Two of Self-Instruct's 175 seeds have at most 0.62, two of the support example 0.30. The copies
# that small models make have about 0.9.
_COPIED = 0.8
# Words. Shorter answers, such as labels, are equal for good reasons.
_FEWEST_COPIED = 12

# Unicode's categories of letters, numbers, and punctuation that opens something.
_STARTS = ("L", "N", "Ps", "Pi")
_COLONS = (":", "：")

Verdict = tuple[Reason, str]


def request_of(conversation: Conversation) -> str:
    """The user's first message: the request of a single exchange, or the beginning of a conversation."""
    said = (content_of(message) for message in conversation.messages if message["role"] == "user")
    return next(said, "")


class InstructionFilter:
    """The filters of Self-Instruct, and a filter for repetitive text."""

    def __init__(self, options: GenerateOptions, seeds: Sequence[Conversation]) -> None:
        self._options = options
        requests = [request_of(seed) for seed in seeds]
        firsts = [_first_paragraph(request) for request in requests]
        self._keywords = [
            (word, pattern)
            for word, pattern in ((word, _whole_word(word)) for word in options.keywords)
            if not any(pattern.search(first) for first in firsts)
        ]
        self._any_start = any(_starts_oddly(request) for request in requests)
        self._any_length = max((word_count(first) for first in firsts), default=0)
        self._shortest = min((word_count(request) for request in requests), default=options.min_words)
        loops = [repeated_share(text) for seed in seeds for text in (request_of(seed), seed.answer or "")]
        self._most_repeated = max([options.repeated, *loops])

    def reason(self, request: str, answer: str | None) -> Verdict | None:
        """The reason and the message for dropping a draft, or None. A draft may have no answer yet."""
        found = self._of_request(request)
        return found if found or answer is None else self._of_answer(request, answer)

    def _of_request(self, request: str) -> Verdict | None:
        # As in the paper, an input (a text to translate, a message to label) is not measured.
        first = _first_paragraph(request)
        if not request:
            return ReplyReason.EMPTY, "the request is empty"
        if (count := word_count(request)) < min(self._options.min_words, self._shortest):
            return GenerateReason.TOO_SHORT, f"{count} words"
        if (count := word_count(first)) > max(self._options.max_words, self._any_length):
            return GenerateReason.TOO_LONG, f"{count} words"
        for word, pattern in self._keywords:
            if pattern.search(first):
                return GenerateReason.KEYWORD, f"asks for what a text model cannot do: {word!r}"
        if not self._any_start and _starts_oddly(request):
            return GenerateReason.ODD_START, f"begins with {request[0]!r}"
        if request.startswith("Write a program"):
            return GenerateReason.PROGRAM, "begins with 'Write a program'"
        return self._loop(request)

    def _of_answer(self, request: str, answer: str) -> Verdict | None:
        if not answer.strip():
            return ReplyReason.EMPTY, "the answer is empty"
        if answer.strip() == request.strip():
            return GenerateReason.ECHO, "the answer repeats the request"
        if answer.rstrip().endswith(_COLONS):
            return GenerateReason.UNFINISHED, "the answer ends with a colon"
        return self._loop(answer)

    def _loop(self, text: str) -> Verdict | None:
        share = repeated_share(text)
        if share > self._most_repeated:
            return GenerateReason.LOOPING, f"{share:.0%} of its runs of four words occur earlier in it"
        return None


class CopyFilter:
    """Drops drafts with the words of the prompt, and answers that are nearly those of a seed."""

    def __init__(self, templates: Iterable[str], seeds: Sequence[Conversation]) -> None:
        texts = (content_of(message) for seed in seeds for message in seed.messages)
        self._prompt = PromptWords(templates, texts)
        self._answers = NoveltyIndex(_COPIED)
        for seed in seeds:
            self._answers.add(seed.answer or "")

    def reason(self, request: str, answer: str | None) -> Verdict | None:
        """The reason and the message for dropping a draft, or None."""
        for what, text in (("request", request), ("answer", answer or "")):
            if leaked := self._prompt.found_in(text):
                return GenerateReason.LEAKED, f"the {what} has the prompt's words {leaked!r}"
        if answer is None or word_count(answer) < _FEWEST_COPIED:
            return None
        near = self._answers.near(answer)
        # An answer that several seeds share fits several requests.
        if len(near) != 1:
            return None
        return GenerateReason.COPIED_ANSWER, f"ROUGE-L {near[0].score:.2f} with the answer of a seed"


def _first_paragraph(text: str) -> str:
    return text.strip().partition("\n\n")[0]


def _whole_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)


def _starts_oddly(text: str) -> bool:
    if not text or text[0] in "¿¡":
        return False
    return text[0] in string.punctuation or not unicodedata.category(text[0]).startswith(_STARTS)
