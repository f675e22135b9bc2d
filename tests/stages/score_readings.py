"""Answers of judges, with the level that they give on a scale from 1 to 5 (or None), and their tokens.

`python -m tests.stages.score_readings` prints how each answer is read, with and without log-probabilities.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from synth.llm.base import Reply, TokenChoice
from synth.stages.asking import Unusable
from synth.stages.verdicts import level_chances, level_in

LEVELS = range(1, 6)

ANSWERS: dict[str, int | None] = {
    # Those of the issue.
    "4": 4,
    "4/5": 4,
    "2/5": 2,
    "2 out of 5": 2,
    "Score: 3": 3,
    "3 (of 5)": 3,
    # The number alone, in the clothes that models give it.
    "**4**": 4,
    "4.": 4,
    " 4": 4,
    "4\n": 4,
    "(4)": 4,
    "[[4]]": 4,
    '"4"': 4,
    "`2`": 2,
    "\\boxed{4}": 4,
    "4.0": 4,
    "４": 4,
    "٤": 4,
    "४": 4,
    "4 stars": 4,
    "4점": 4,
    "4分": 4,
    "5 - excellent": 5,
    # With its scale.
    "4 / 5": 4,
    "**2**/5": 2,
    "2/5 because it misses the deadline": 2,
    "4.0/5": 4,
    "４／５": 4,
    "4 out of five": 4,
    "2 (of 1 to 5)": 2,
    "1-5: 4": 4,
    "On a scale of 1 to 5, I give 3": 3,
    "Score (1 to 5): 2": 2,
    "Score (out of 5): 2": 2,
    "Answer: 4 out of 5 stars": 4,
    # With a label.
    "Rating - 4": 4,
    "score 4 of 5": 4,
    "score = 5": 5,
    "The score is 2.": 2,
    "**Score:** 2/5": 2,
    "<score>4</score>": 4,
    "评分：4": 4,
    "I give it a 4": 4,
    "It answers 2 of 3 questions well.\nScore: 4": 4,
    "2\n\nIt covers 3 of the points.": 2,
    # JSON.
    '{"score": 4}': 4,
    '{"score":2}': 2,
    '```json\n{"score": 2}\n```': 2,
    '{"score": "2/5"}': 2,
    '{"reasoning": "Of 10 points, 3.", "score": 4}': 4,
    '{"reasoning": "A \\"score\\": 5 is too much.", "score": 2}': 2,
    # No level, or more than one.
    "": None,
    "N/A": None,
    "good": None,
    "four": None,
    "between 3 and 4": None,
    "3 or 4": None,
    "3-4": None,
    "1-5": None,
    "4, 5": None,
    "4.5": None,
    "4,5": None,
    "3½": None,
    "4+": None,
    "-3": None,
    "Score: -3": None,
    "~4": None,
    ">= 4": None,
    "0": None,
    "6": None,
    "10": None,
    "45": None,
    "80%": None,
    "5/10": None,
    "4/5/2024": None,
    "8 out of 10": None,
    "4 out of ten": None,
    "4 of the points": None,
    "the 4th level": None,
    "Score: 9": None,
    "Score: 4, or rather score: 3": None,
    "It is right in 2 places and wrong in 3": None,
    '{"score": 9}': None,
    '{"score": 4.5}': None,
    '{"score": null}': None,
    '{"score": 4, "score": 3}': None,
}


def _gpt2(text: str) -> list[str]:
    """The words of GPT-2's pattern, which keeps a space with the number after it."""
    return re.findall(r" ?[^\W\d_]+| ?\d+| ?[^\s\w]+|\s+(?!\S)|\s+|_", text)


def _qwen(text: str) -> list[str]:
    """The words of Qwen's pattern, in which each digit is alone."""
    return re.findall(r"[^\r\n\w]?[^\W\d_]+|\d| ?[^\s\w]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+|_", text)


@cache
def _llama2() -> Callable[[str], list[str]]:
    from tokenizers import Tokenizer

    package = find_spec("wordllama")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "tokenizers"
    tokenizer = Tokenizer.from_file(str(folder / "l2_supercat_tokenizer_config.json"))

    def split(text: str) -> list[str]:
        spans = tokenizer.encode(text, add_special_tokens=False).offsets
        return _pieces(text, spans)

    return split


def _pieces(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """The text, cut where tokens start. Bytes of one character are one piece."""
    starts = sorted({0, *(start for start, _ in spans)})
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True) if a < b]


_RECORDED = Path(__file__).parent / "score_tokens.json"

SPLITS: dict[str, Callable[[str], list[str]]] = {
    "characters": list,
    "one token": lambda text: [text] if text else [],
    "pairs of characters": lambda text: [text[i : i + 2] for i in range(0, len(text), 2)],
    "Llama 2": lambda text: _llama2()(text),
    "SmolLM2": lambda text: json.loads(_RECORDED.read_text())[text],
    "GPT-2's words": _gpt2,
    "Qwen's words": _qwen,
}


def reply(text: str, split: Callable[[str], list[str]]) -> Reply:
    """The reply of a judge that is 95% sure of every digit that it writes."""
    return Reply(text, logprobs=tuple(map(_choice, split(text))))


def _choice(token: str) -> TokenChoice:
    if not re.search(r"\d", token):
        return TokenChoice(token, math.log(0.95), {token: math.log(0.95), "~": math.log(0.05)})
    digit = re.search(r"\d", token)
    assert digit is not None
    others = [f"{token[: digit.start()]}{n}{token[digit.end() :]}" for n in LEVELS if str(n) != digit[0]]
    top = {token: math.log(0.95)} | dict.fromkeys(others, math.log(0.05 / len(others)))
    return TokenChoice(token, top[token], top)


def written(text: str) -> int | None:
    try:
        return level_in(Reply(text), "score", LEVELS).level
    except Unusable:
        return None


def expected(of: Reply) -> float | None:
    """The expectation over the levels, read from the tokens."""
    try:
        return level_chances(of, level_in(of, "score", LEVELS), LEVELS).mean
    except Unusable:
        return None


if __name__ == "__main__":
    print("| answer | wanted | as written |", " | ".join(SPLITS), "|")
    print("|---|---|---|" + "---|" * len(SPLITS))
    for text, wanted in ANSWERS.items():
        cells = [wanted, written(text), *(expected(reply(text, split)) for split in SPLITS.values())]
        shown = ["none" if cell is None else f"{cell:.3g}" for cell in cells]
        print(f"| `{json.dumps(text, ensure_ascii=False)[1:-1]}` |", " | ".join(shown), "|")
