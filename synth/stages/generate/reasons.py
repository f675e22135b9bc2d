"""Why `generate` drops drafts."""

from __future__ import annotations

from synth.reasons import Reason


class GenerateReason(Reason):
    """The paper's filters, loops, copies and leaks."""

    TOO_SHORT = "too_short", "the request has fewer words than `min_words`"
    TOO_LONG = "too_long", "the request's first paragraph has more words than `max_words`"
    KEYWORD = "keyword", "the request asks for something a text model cannot do, such as images or files"
    ODD_START = "odd_start", "the request begins with a symbol or a punctuation mark that opens nothing"
    PROGRAM = "program", 'the request begins with "Write a program"'
    ECHO = "echo", "the answer repeats the request"
    UNFINISHED = "unfinished", "the answer ends with a colon"
    LOOPING = "looping", "the request or the answer repeats more 4-grams than `repeated` allows"
    LEAKED = "leaked", "the request or the answer has five words in a row of the prompt's own text"
    COPIED_ANSWER = "copied_answer", "the answer is nearly that of a seed with another request"
    UNSUPPORTED = (
        "unsupported",
        "the answer has a fact that is not in the passage, the facts, the request or the system prompt",
    )
    SURPLUS = "surplus", "the reply lists more requests than `per_request`"
    NOT_NOVEL = "not_novel", "the request is too similar to a seed or an earlier draft (ROUGE-L, `novelty`)"

    @property
    def is_copy(self) -> bool:
        return self is GenerateReason.NOT_NOVEL
