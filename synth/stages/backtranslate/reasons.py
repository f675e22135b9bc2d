"""The reasons and actions of `backtranslate`."""

from __future__ import annotations

from synth.reasons import Action, Reason


class BacktranslateReason(Reason):
    """What rules, the judge and the round trip find."""

    LEANS_ON_SOURCE = (
        "leans_on_source",
        'the request refers to "the text" or "the passage above", which the reader does not have',
    )
    OFF_TOPIC = (
        "off_topic",
        "the request and the text share no word of four or more letters (in Korean no two syllables, in "
        "scripts without spaces no two characters)",
    )
    REPEATS_PROMPT = (
        "repeats_prompt",
        "the request repeats a heading, five words in a row or an example of the writer's prompt, or speaks "
        "of its task",
    )
    TOO_SHORT = "too_short", "the request has fewer than 4 words (questions: fewer than 3)"
    TOO_LONG = "too_long", "the request has more than 150 words"
    UNSUPPORTED = "unsupported", "the answer states something that the text does not hold"
    LOW_CURATION = "low_curation", "the answer reaches `keep` with a probability of less than 0.5"
    ROUND_TRIP = "round_trip", "without the text, the writer answered another question"
    QUOTE_NOT_FOUND = "quote_not_found", "the quote is not in the passage"
    ANSWERED_ELSEWHERE = (
        "answered_elsewhere",
        "the right passage was left out of the prompt, and the judge finds the answer in the others",
    )


class BacktranslateAction(Action):
    """What happened to a draft, or to a seed that passes by."""

    DRAFTED = "drafted", "the instruction was drafted for this text"
    REWRITTEN = "rewritten", "the text was rewritten in the style of an assistant"
    CURATED = "curated", "the judge rated the instruction and its answer"
    ROUND_TRIP = (
        "round_trip",
        "the instruction was answered without the text, and the judge compared the answers",
    )
    QUOTED = "quoted", "the answer is supported by this quote from this text"
    CITED = "cited", "the passages are in the prompt, and the answer ends with the number of the right one"
    ABSENT = "absent", "the right passage was left out of the prompt, and the answer says so"
    JUDGED = "judged", "the judge looked for the answer in the passages of a prompt without the right one"
    TAGGED = "tagged", "the seed got the system prompt for seeds (`tags`)"
