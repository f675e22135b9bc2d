"""Why `evolve` drops requests: the elimination rules of Evol-Instruct."""

from __future__ import annotations

from synth.reasons import Action, Reason


class EvolveReason(Reason):
    """The rule that eliminates a request."""

    NO_GAIN = "no_gain", "the request did not change, or the judge finds both requests equal"
    SORRY = "sorry", "the answer contains an apology and has fewer than 80 words, and no seed's answer is so"
    SAYS_NOTHING = "says_nothing", "the answer is only punctuation and stopwords"
    LEAKED = (
        "leaked",
        "the request repeats a heading or five words of the prompt that made it, or speaks of the rewriting",
    )
    UNKNOWN = "unknown", "the documents and facts that the writer was shown do not hold the answer"
    UNSUPPORTED = "unsupported", "the answer states something that the documents and facts do not hold"


class EvolveAction(Action):
    """What happened to a request."""

    EVOLVED = "evolved", "the request was rewritten by this operation"
    JUDGED = "judged", "the judge compared the request with the one before"
    ANSWERED = "answered", "the writer answered the new request"
