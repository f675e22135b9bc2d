"""Replies that no server should send, made from good ones by a seeded random generator."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

_DEEP = '{"a":' * 10_000 + "1" + "}" * 10_000
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, -7, 33, 1e30, -1e30, 2**63, 2**64 + 1, 10**400, 0.5, float("nan"),
    float("inf"), float("-inf"), "", "0", "12", "stop", "length", "a text", "\ud83d", "\x1b[31m\x00\u202e",
    "x" * 5000, [], [None], [[]], [{}], ["stop"], {}, {"a": 1}, {"content": None}, [{"type": "text"}],
    [{"type": "text", "text": 7}, {"type": "text", "text": "part"}, "no part"], {"token": "4"},
    [{"token": 4, "logprob": "-0.1"}], [{"token": "4", "logprob": 7.5, "top_logprobs": {}}],
    [{"id": 1, "function": {"name": None, "arguments": {"a": []}}}], {"cached_tokens": "many"},
    [[[[[[[[[[[[[["deep"]]]]]]]]]]]]]],
)  # fmt: skip


def good_replies() -> list[Any]:
    """One of each form that servers answer in."""
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
    cached = {**usage, "prompt_tokens_details": {"cached_tokens": 8}}
    tokens = [
        {"token": token, "logprob": -0.1, "top_logprobs": [{"token": t, "logprob": -0.1 - i} for i, t in top]}
        for token, top in (("4", list(enumerate("4321"))), ("<|end|>", []))
    ]
    draft = json.dumps({"instruction": "How do I move a booking?", "response": "Open it and pick a day."})
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
    messages: list[dict[str, Any]] = [
        {"role": "assistant", "content": draft},
        {"role": "assistant", "content": "4"},
        {"role": "assistant", "content": [{"type": "text", "text": "4"}]},
        {"role": "assistant", "content": None, "refusal": "I cannot."},
        {"role": "assistant", "content": "4", "reasoning_content": "It is good."},
        {"role": "assistant", "content": "<think>It is good.</think>4"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    return [
        {
            "id": "c",
            "object": "chat.completion",
            "model": "fake",
            "choices": [{"index": 0, "message": m, "finish_reason": "stop", "logprobs": {"content": tokens}}],
            "usage": counts,
        }
        for m in messages
        for counts in (usage, cached)
    ]


def mutated(chance: Random, replies: list[Any]) -> bytes:
    """A reply with one to three faults: in its values, its keys, or its bytes."""
    body: Any = copy.deepcopy(chance.choice(replies))
    for _ in range(chance.randint(1, 3)):
        holder, key = chance.choice([*_places(body)] or [(None, None)])
        if holder is None:
            return json.dumps(chance.choice(ODD)).encode()
        if chance.random() < 0.15 and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(chance.choice(ODD))
    raw = json.dumps(body, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    match chance.randrange(12):
        case 0:
            raw = raw[: chance.randrange(len(raw))]
        case 1:
            place = chance.randrange(len(raw))
            raw = raw[:place] + bytes([chance.randrange(256)]) + raw[place + 1 :]
        case 2:
            raw = raw.replace(b'"usage"', f'"more": {_DEEP}, "usage"'.encode(), 1)
    return raw


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place below `value`, as what holds it and its key there."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in below:
        yield value, key
        yield from _places(held)
