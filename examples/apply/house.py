"""The house style of an invented cookery line: two sentences, about the food and not about oneself."""

import re

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
ABOUT_ITSELF = re.compile(r"\b(I am|I'm|I can't|I cannot|as an AI)\b", re.IGNORECASE)
FEWEST_WORDS = 8


def shorten(row, sentences):
    """For `apply`: keeps the first sentences of the answer. Nobody reads a list out on the telephone."""
    answer = row["messages"][-1]["content"]
    if "\n" in answer.strip():
        return "more than one paragraph"  # drops the row, with these words as the reason
    row["messages"][-1]["content"] = " ".join(SENTENCE_END.split(answer)[:sentences])
    return row


def says_what_to_do(row):
    """For `check`: True keeps the row, words drop it. It sees the answer as it is by now."""
    if found := ABOUT_ITSELF.search(row["answer"]):
        return f"speaks of itself: {found[0]!r}"
    words = len(row["answer"].split())
    return words >= FEWEST_WORDS or f"has only {words} words"
