"""The fake model's answers: a pure function of the request, shared by the client and the test server."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from random import Random
from typing import Any

import orjson

from synth.frozen import FrozenJson
from synth.llm.base import Json, Reply, TokenChoice, Usage
from synth.llm.fake import phrases

_ASKS_FOR_RATING = re.compile(r"\b(?:scor(?:e|es|ing)|rat(?:e|ing|ings)|grade)\b", re.IGNORECASE)
_SCALE = re.compile(r"\b(\d{1,2})\s*(?:to|-|–|and|through)\s*(\d{1,3})\b")
# The relative frequency of each score on a judge's scale, lowest first; stretched to other scales.
_SCORE_WEIGHTS = (0.05, 0.1, 0.2, 0.35, 0.3)

_INSTRUCTION = re.compile(r"instruction|question|prompt|query|task|paraphras|rewrit|variant", re.IGNORECASE)
_ANSWER = re.compile(r"response|answer|output|completion|content|message|text|summary", re.IGNORECASE)
_LABEL = re.compile(r"title|name|topic|label|category|keyword|tag|id$", re.IGNORECASE)
_NUMBER = re.compile(r"score|rating|grade|quality", re.IGNORECASE)

_QUOTE_FORM = "<quote>...</quote>"
_PASSAGE = re.compile(
    r"^Passage \d+:\n(.+?)(?=\n\n(?:Passage \d+:|The (?:conversation|user))|\Z)", re.M | re.S
)
_SENTENCE = re.compile(r"(?:^|(?<=[.!?] ))[A-Z][^.!?\n]+[.!?](?=\s|$)", re.MULTILINE)


def fake_reply(
    messages: Sequence[FrozenJson],
    *,
    key: str | int,
    max_tokens: int,
    schema: Json | None = None,
    logprobs: int = 0,
    model: str = "fake",
) -> Reply:
    """The answer to `messages`, which depends only on `key`.

    It is a text that satisfies `schema`, or a rating if the last message asks for one and `logprobs` is set,
    or a sentence of a passage with itself as the quote if the prompt asks for quotes, or else a short
    paragraph. Each word counts as one token, and `max_tokens` cuts the answer.
    """
    rng = Random(key)
    choices: tuple[TokenChoice, ...] = ()
    if schema is not None:
        text = orjson.dumps(_Filler(schema, rng).fill(schema)).decode()
        choices = _value_choices(rng, text, schema, logprobs) if logprobs else ()
    elif scale := _rating_scale(messages, logprobs):
        text, choices = _rating(rng, scale, logprobs)
    else:
        text = _from_a_passage(messages, rng) or phrases.paragraph(rng)
    if logprobs and not choices:
        choices = _word_choices(rng, text, logprobs)
    return finish_reply(messages, text, max_tokens=max_tokens, model=model, logprobs=choices)


def _from_a_passage(messages: Sequence[FrozenJson], rng: Random) -> str | None:
    """A sentence of a passage as quote and answer, if the prompt has passages and asks for quotes."""
    asked = "\n\n".join(message_text(message) for message in messages)
    if _QUOTE_FORM not in asked:
        return None
    passages = _PASSAGE.findall(asked)
    sentences = [text for passage in passages for text in _SENTENCE.findall(passage) if text.count(" ") > 3]
    if not sentences:
        return None
    sentence = rng.choice(sentences)
    return f"<quote>{sentence}</quote>\n<answer>\n{sentence}\n</answer>"


def finish_reply(
    messages: Sequence[FrozenJson],
    text: str,
    *,
    max_tokens: int,
    model: str,
    logprobs: tuple[TokenChoice, ...] = (),
    finish: str = "stop",
    reasoning: str | None = None,
) -> Reply:
    """`text` as a reply, with its words counted, and cut after `max_tokens` of them."""
    completion = len(text.split())
    if completion > max_tokens:
        text, finish, completion = _first_words(text, max_tokens), "length", max_tokens
        logprobs = logprobs[:max_tokens]
    prompt = sum(len(message_text(message).split()) for message in messages)
    usage = Usage(prompt=prompt, completion=completion)
    return Reply(text, finish, usage, reasoning=reasoning, logprobs=logprobs, model=model)


def message_text(message: FrozenJson) -> str:
    """The text of a message. Its content may be a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return str(content or "")


def _first_words(text: str, count: int) -> str:
    end = 0
    for index, match in enumerate(re.finditer(r"\S+", text)):
        if index == count:
            break
        end = match.end()
    return text[:end]


def _rating_scale(messages: Sequence[FrozenJson], logprobs: int) -> tuple[int, int] | None:
    """The lowest and highest score if the last message asks for a score, else None."""
    if not logprobs or not messages:
        return None
    asked = message_text(messages[-1])
    everything = " ".join(message_text(message) for message in messages)
    if not _ASKS_FOR_RATING.search(everything):
        return None
    scale = _SCALE.search(asked) or _SCALE.search(everything)
    low, high = (int(scale[1]), int(scale[2])) if scale else (1, 5)
    return (low, high) if low < high else (1, 5)


def draw_score(rng: Random, low: int, high: int) -> int:
    """A score between `low` and `high`, good more often than bad."""
    place = rng.choices(range(len(_SCORE_WEIGHTS)), _SCORE_WEIGHTS)[0]
    share = (place + rng.random()) / len(_SCORE_WEIGHTS)
    return min(high, low + int(share * (high - low + 1)))


def _rating(rng: Random, scale: tuple[int, int], alternatives: int) -> tuple[str, tuple[TokenChoice, ...]]:
    score = draw_score(rng, *scale)
    top = _near(rng, score, scale, alternatives)
    return str(score), (TokenChoice(str(score), top[str(score)], top),)


def _near(rng: Random, score: int, scale: tuple[int, int], alternatives: int) -> dict[str, float]:
    """The log-probabilities of the scores: the nearer to `score`, the likelier."""
    low, high = scale
    weights = {
        str(n): math.exp(-1.6 * abs(n - score)) * (0.7 + 0.6 * rng.random()) for n in range(low, high + 1)
    }
    weights[str(score)] = max(weights.values()) * 1.01
    total = sum(weights.values()) * 1.02
    ranked = sorted(weights, key=lambda token: (-weights[token], token))[:alternatives]
    return {token: round(math.log(weights[token] / total), 6) for token in ranked}


def _word_choices(rng: Random, text: str, alternatives: int) -> tuple[TokenChoice, ...]:
    choices = []
    for match in re.finditer(r"\s*\S+", text):
        token, logprob = match[0], -0.05 - 0.5 * rng.random()
        top = {token: logprob}
        for rank, other in enumerate(rng.sample(phrases.NOUNS, min(alternatives, len(phrases.NOUNS)) - 1), 1):
            top[" " + other + "?"] = logprob - rank - rng.random()
        choices.append(TokenChoice(token, logprob, top))
    return tuple(choices)


def _value_choices(rng: Random, text: str, schema: Json, alternatives: int) -> tuple[TokenChoice, ...]:
    """The tokens of a JSON object. Those that are a truth value, or a digit with a range, have likely
    alternatives.
    """
    choices: list[TokenChoice] = []
    name = ""
    for match in re.finditer(r'"(?:[^"\\\\]|\\\\.)*"|true|false|-?\d+|[^"tf\d-]+|.', text, re.DOTALL):
        token = match[0]
        kind = schema.get("properties", {}).get(name, {})
        bounds = (kind.get("minimum"), kind.get("maximum"))
        if token in ("true", "false") and kind.get("type") == "boolean":
            other = 0.3 * rng.random()
            top = {token: math.log(1 - other), "false" if token == "true" else "true": math.log(other)}
            choices.append(TokenChoice(token, top[token], top))
        elif token.isdigit() and all(isinstance(bound, int) and 0 <= bound <= 9 for bound in bounds):
            top = _near(rng, int(token), bounds, alternatives)
            choices.append(TokenChoice(token, top[token], top))
        else:
            choices.append(TokenChoice(token, 0.0, {token: 0.0}))
        if token.startswith('"'):
            name = token.strip('"')
    return tuple(choices)


class _Filler:
    """Makes up values for a JSON schema. Supports a part of its keywords; property names influence the
    values.
    """

    def __init__(self, root: Json, rng: Random) -> None:
        self._root = root
        self._rng = rng

    def fill(self, schema: Json, name: str = "") -> Any:
        schema = self._resolve(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._rng.choice(schema["enum"])
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return self.fill(self._likely(schema[several]), name)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((each for each in kind if each != "null"), "null")
        match kind:
            case "object":
                fields = schema.get("properties", {})
                return {field: self.fill(sub, field) for field, sub in fields.items()}
            case "array":
                return self._array(schema, name)
            case "integer":
                return self._integer(schema, name)
            case "number":
                return float(self._integer(schema, name))
            case "boolean":
                return self._rng.random() < 0.7
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _resolve(self, schema: Json) -> Json:
        while "$ref" in schema:
            target: Any = self._root
            for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
                target = target[part] if part else target
            schema = target
        parts = schema.get("allOf")
        if parts:
            schema = {
                key: value for part in (schema, *map(self._resolve, parts)) for key, value in part.items()
            }
            del schema["allOf"]
        return schema

    def _likely(self, options: Sequence[Json]) -> Json:
        filled = [option for option in options if option.get("type") != "null"]
        return self._rng.choice(filled or options)

    def _array(self, schema: Json, name: str) -> list[Any]:
        low = schema.get("minItems", 1)
        high = schema.get("maxItems", low + 2)
        count = self._rng.randint(low, max(low, high))
        items = [*schema.get("prefixItems", ())]
        rest = schema["items"] if isinstance(schema.get("items"), dict) else {}
        return [self.fill(items[i] if i < len(items) else rest, name) for i in range(count)]

    def _integer(self, schema: Json, name: str) -> int:
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is None:
            low = schema["exclusiveMinimum"] + 1 if "exclusiveMinimum" in schema else 1
        if high is None:
            high = schema["exclusiveMaximum"] - 1 if "exclusiveMaximum" in schema else low + 4
        low, high = math.ceil(low), math.floor(high)
        if _NUMBER.search(name):
            return draw_score(self._rng, low, high)
        return self._rng.randint(low, high)

    def _string(self, schema: Json, name: str) -> str:
        text = self._words(name)
        if "maxLength" in schema:
            text = text[: schema["maxLength"]].rstrip()
        while len(text) < schema.get("minLength", 0):
            text = f"{text} {phrases.sentence(self._rng)}".strip()[: schema.get("maxLength")]
        return text

    def _words(self, name: str) -> str:
        if _INSTRUCTION.search(name):
            return phrases.instruction(self._rng)
        if _ANSWER.search(name):
            return phrases.paragraph(self._rng, 2, 3)
        if name == "input":
            return phrases.sentence(self._rng) if self._rng.random() < 0.4 else ""
        if _LABEL.search(name):
            return phrases.phrase(self._rng)
        return phrases.sentence(self._rng)
