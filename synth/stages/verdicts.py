"""Reads a judge's verdict: a level or a truth value, as written or with the probability of each other value.

Tokens do not end where values do: the same digit can be `4`, ` 4` or `4/`. So the place is a character of the
text, and each alternative of its token is read from that character on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from synth.llm.base import Json, Reply, TokenChoice
from synth.stages.asking import Unusable
from synth.stages.reply_reasons import JudgeReason, ReplyReason
from synth.stages.structured_output import parse_object, refuse_unanswered
from synth.text.written_levels import WrittenLevel, written_level

V = TypeVar("V", int, bool)

# With less than this share of the probability on values, the answer is something else than a value.
LEAST_MASS = 0.9


@dataclass(frozen=True, slots=True)
class Chances(Generic[V]):
    """The probability of each value, which add up to 1. `mass` is what they added up to in the reply."""

    of: Mapping[V, float]
    mass: float = 1.0

    @classmethod
    def certain(cls, value: V) -> Chances[V]:
        """The chances of a value that is read as written."""
        return cls({value: 1.0})

    @property
    def mean(self) -> float:
        """The expectation."""
        return math.fsum(value * share for value, share in self.of.items())

    def that(self, holds: Callable[[V], bool]) -> float:
        """The probability of the values for which `holds` is true."""
        return min(math.fsum(share for value, share in self.of.items() if holds(value)), 1.0)


class NoChances(Exception):
    """The log-probabilities do not say which value the answer has. The message says why."""


def chances_at(reply: Reply, place: int, value_of: Callable[[str], V | None]) -> Chances[V]:
    """The chances of the value that begins at the character `place` of the reply's text.

    `value_of` reads the value that a text begins with. Raises `NoChances`.
    """
    token, before = _token_at(reply, place)
    if len(token.top) < 2:
        raise NoChances("the server gave no alternatives for the token of the value")
    weights: dict[V, float] = {}
    for text, logprob in {**token.top, token.token: token.logprob}.items():
        rest = _after(text, before)
        value = None if rest is None else value_of(rest)
        if value is not None:
            weights[value] = weights.get(value, 0.0) + math.exp(logprob)
    mass = math.fsum(weights.values())
    if mass < LEAST_MASS:
        raise NoChances(f"the values hold {mass:.2f} of the probability, fewer than {LEAST_MASS}")
    return Chances({value: weights[value] / mass for value in sorted(weights)}, min(mass, 1.0))


def _token_at(reply: Reply, place: int) -> tuple[TokenChoice, str]:
    """The token with this character of the reply's text, and the part of the token before the character."""
    joined = "".join(choice.token for choice in reply.logprobs)
    # From the end: tokens before the value can spell other characters (half an emoji, spaces at the start).
    left = joined.rfind(reply.text[place:])
    if left < 0:
        raise NoChances("the tokens do not spell the answer")
    for choice in reply.logprobs:
        if left < len(choice.token):
            return choice, choice.token[:left]
        left -= len(choice.token)
    raise NoChances("the value has no token")


def _after(text: str, before: str) -> str | None:
    """The part of an alternative after the same start as the chosen token. None if it starts otherwise.

    Spaces do not count: where the model wrote ` 4`, it could have written `5`.
    """
    head = before.strip()
    text = text.lstrip()
    return text[len(head) :].lstrip() if text.startswith(head) else None


def level_in(reply: Reply, scale: str, levels: range, *, alone: bool = True) -> WrittenLevel:
    """The level under the key `scale` of a JSON reply. If it is `alone`, the reply need not be JSON.

    Raises `Unusable` if there is none, or if it is ambiguous.
    """
    text = reply.text
    found = None
    if value := value_span(text, scale):
        start, end = value
        if found := written_level(text[start:end], levels):
            found = WrittenLevel(found.level, start + found.place)
    elif alone:
        found = written_level(text, levels)
    if found is None:
        raise Unusable(JudgeReason.NO_SCORE, f"no {scale} from {levels[0]} to {levels[-1]}: {text[:200]}")
    return found


def level_chances(reply: Reply, found: WrittenLevel, levels: range) -> Chances[int]:
    """The chances of the levels at the place of the level that was found. Raises `Unusable`."""

    def level(text: str) -> int | None:
        digit = re.match(r"\d(?!\d|[.,]0*[1-9])", text)
        return int(digit[0]) if digit and int(digit[0]) in levels else None

    try:
        return chances_at(reply, found.place, level)
    except NoChances as error:
        raise Unusable(JudgeReason.NO_SCORE, str(error)) from None


def value_span(text: str, key: str) -> tuple[int, int] | None:
    """The start and end of the value of `key` in JSON, if the key occurs once."""
    places = list(re.finditer(rf'(?<!\\)"{re.escape(key)}"\s*:\s*([^,}}\n]*)', text))
    return places[0].span(1) if len(places) == 1 else None


def written_truth(reply: Reply, key: str, schema: Json | None) -> bool:
    """The truth value under `key` of a JSON reply. Raises `Unusable`."""
    refuse_unanswered(reply)
    return bool(parse_object(reply.text, schema)[key])


def chance_of_truth(reply: Reply, key: str, schema: Json | None) -> float:
    """The probability of `true` under `key` of a JSON reply. Raises `Unusable`."""
    written_truth(reply, key, schema)
    span = value_span(reply.text, key)
    if span is None:
        raise Unusable(ReplyReason.UNPARSABLE, f"`{key}` occurs more than once: {reply.text[:200]}")
    try:
        return chances_at(reply, span[0], _truth).that(bool)
    except NoChances as error:
        raise Unusable(ReplyReason.OFF_SCHEMA, f"{key}: {error}") from None


def _truth(text: str) -> bool | None:
    """The truth value that a text begins with, or that begins with it: tokens can be pieces of words."""
    for word, value in (("true", True), ("false", False)):
        if text and (text.startswith(word) or word.startswith(text)):
            return value
    return None
