"""Finds text that a model copied from its prompt into its answer."""

from __future__ import annotations

from synth.text.tokens import rouge_tokens


def repeated_run(text: str, source: str, length: int = 5) -> str | None:
    """The first run of `length` words in `text` that also occurs in `source`, or None."""
    ours, theirs = rouge_tokens(text), rouge_tokens(source)
    known = {tuple(theirs[i : i + length]) for i in range(len(theirs) - length + 1)}
    for start in range(len(ours) - length + 1):
        run = tuple(ours[start : start + length])
        if run in known:
            return " ".join(run)
    return None


def shares_a_word(text: str, other: str, shortest: int = 4) -> bool:
    """Whether the texts share a long word, or the beginning of one (so that inflected forms count)."""
    stems = {word[: max(shortest, len(word) - 3)] for word in rouge_tokens(other) if len(word) >= shortest}
    return any(
        word[: max(shortest, len(word) - 3)] in stems for word in rouge_tokens(text) if len(word) >= shortest
    )
