"""Why a text is no paraphrase of another one."""

from __future__ import annotations

from synth.reasons import Reason


class MeaningReason(Reason):
    """What a wording changed, as found by a rule; or that it is a copy."""

    COPY = "copy", "the wording did not change, or equals an earlier paraphrase of the same row"
    NUMBER = "number", "a number changed, was lost or was added"
    NEGATION = "negation", "a negation was lost or added, or a limit was turned around"
    OPPOSITE = "opposite", "a word became its opposite: more and less, before and after, join and leave"
    KIND = (
        "kind",
        "a word became one of another kind: average and maximum, all and some; or `only` came or went",
    )
    ROLES = "roles", "two parts changed places: who does something, and to whom"
    TENSE = "tense", "the time changed: is, was, used to be, will be"
    WORD = "word", "a word was replaced by a word with another meaning"
    CONDITION = "condition", "a condition was added or is gone"
    ENTITY = "entity", "a name changed, was lost or was added"
    CODE = "code", "code, an address or an identifier changed"
    QUOTED = "quoted", "a quotation changed"
    OTHER_QUESTION = "other_question", "the request asks for something else"

    @property
    def is_copy(self) -> bool:
        return self is MeaningReason.COPY
