"""Words that a model took over from its prompt into its answer."""

from __future__ import annotations

from synth.text.tokens import rouge_tokens


def repeated_run(text: str, source: str, length: int = 5) -> str | None:
    """The first run of `length` words of `text` that stands in `source`, too; None where there is none."""
    ours, theirs = rouge_tokens(text), rouge_tokens(source)
    known = {tuple(theirs[i : i + length]) for i in range(len(theirs) - length + 1)}
    for start in range(len(ours) - length + 1):
        run = tuple(ours[start : start + length])
        if run in known:
            return " ".join(run)
    return None


def shares_a_word(text: str, other: str, shortest: int = 4) -> bool:
    """Whether the two have a word of some length in common, or the beginning of one (so that forms count)."""
    stems = {word[: max(shortest, len(word) - 3)] for word in rouge_tokens(other) if len(word) >= shortest}
    return any(
        word[: max(shortest, len(word) - 3)] in stems for word in rouge_tokens(text) if len(word) >= shortest
    )
