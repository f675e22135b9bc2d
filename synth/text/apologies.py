"""Detects apologies. A model apologises when it cannot answer, and so does a polite support desk."""

from __future__ import annotations

import re

_APOLOGY = re.compile(
    r"\bsorry\b|\bapologi[sz]|\bi regret\b"
    r"|\btut (?:mir|uns)\b.{0,20}\bleid\b|\bes tut (?:mir|uns) leid\b|\bentschuldig|\bbedau(?:er|r)e"
    r"|\bdésolée?s?\b|\bje regrette\b|\bexcuse[zs]\b"
    r"|\blo (?:siento|sentimos|lamento|lamentamos)\b|\bdisculp"
    r"|\bmi (?:dis)?spiace\b|\bci dispiace\b|\bmi scus"
    r"|\bsinto muito\b|\bdesculp|\blament(?:o|amos)\b"
    r"|\bhet spijt (?:me|mij|ons)\b|\bexcuses\b|\bhelaas\b"
    r"|申し訳|すみません|ごめん|抱歉|对不起|對不起|죄송|미안|آسف|أعتذر|نعتذر|माफ|क्षमा|खेद"
    r"|извини|к сожалению|przepraszam|przykro mi",
    re.IGNORECASE,
)


def apologises(text: str) -> bool:
    """Whether the text contains an apology, in one of fourteen languages."""
    return _APOLOGY.search(text) is not None
