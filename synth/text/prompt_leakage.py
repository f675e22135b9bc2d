"""Finds text that a model copied from its prompt into its answer."""

from __future__ import annotations

from itertools import pairwise

from synth.text.tokens import rouge_tokens

# Letters of the beginning of a word.
_STEM = 4


def repeated_run(text: str, source: str, length: int = 5) -> str | None:
    """The first run of `length` words in `text` that also occurs in `source`, or None."""
    ours, theirs = rouge_tokens(text), rouge_tokens(source)
    known = {tuple(theirs[i : i + length]) for i in range(len(theirs) - length + 1)}
    for start in range(len(ours) - length + 1):
        run = tuple(ours[start : start + length])
        if run in known:
            return " ".join(run)
    return None


def shares_a_word(text: str, other: str) -> bool:
    """Whether the texts share a long word, or the beginning of one (so that inflected forms count).

    A word is long from four letters. In Korean, two syllables are enough; in scripts without spaces, two
    characters.
    """
    return not _stems(text).isdisjoint(_stems(other))


def _stems(text: str) -> set[str]:
    words = rouge_tokens(text)
    stems = {word[: max(_STEM, len(word) - 3)] for word in words if len(word) >= _STEM}
    stems |= {word[:2] for word in words if len(word) >= 2 and "가" <= word[0] <= "힣"}
    pairs = ((a, b) for a, b in pairwise(words) if is_unspaced(a) and is_unspaced(b))
    # Two hiragana are mostly grammar.
    return stems | {a + b for a, b in pairs if not ("ぁ" <= a <= "ゟ" and "ぁ" <= b <= "ゟ")}


def is_unspaced(word: str) -> bool:
    """Whether a word is one character of a script without spaces."""
    return len(word) == 1 and word.isalpha() and ("\u0e00" <= word <= "\u17ff" or word >= "\u3040")
