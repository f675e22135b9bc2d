"""The chat-completions wire form, both ways: what a request becomes, and what an answer says.

`read_reply` and `write_reply` are inverses, so that a client that speaks to no server keeps its raw
replies in the same form as one that does.

All that reads a reply reads it here, since a server may send anything. A reply without a message is no
answer (`ValueError`). Of a message, what has another form than it should have is read as missing: a row that
needs it is dropped for that reason, and no reply can stop a run.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

import orjson

from synth.llm.base import Json, Reply, TokenChoice, Usage, estimated_tokens

# A template that opens the thinking itself leaves only its end in the content, on a line of its own.
_ORPHAN_END = re.compile(r"(?:^|\n)</think>[ \t]*(?:\n|$)")

# More tokens than this no answer has: the server counts something else, or nothing.
_MOST_TOKENS = 10**9
# What JSON has for numbers; its true and false are none, though Python counts with them.
_NUMBERS = (int, float)
# By so much a log-probability may lie above 0.
_ROUNDING = 0.01


def read_reply(raw: bytes) -> Reply:
    """Parses the body of a chat completion.

    Raises `ValueError` where it is not JSON, or holds no choice with a message.
    """
    body = read_body(raw)
    message, choice = _first_message(body)
    content = _plain_text(message.get("content"))
    finish = _text(choice.get("finish_reason")) or "stop"
    refusal = _text(message.get("refusal"))
    if not content and refusal:
        content, finish = refusal, "refusal"
    reasoning = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    text = content
    if reasoning is None:
        reasoning, text = split_thinking(content)
    return Reply(
        text=text,
        finish=finish,
        usage=_usage(body.get("usage"), message),
        reasoning=reasoning,
        logprobs=_logprobs(choice.get("logprobs"), text, thought=reasoning is not None),
        model=_text(body.get("model")) or "",
    )


def read_body(raw: bytes) -> Any:
    """The JSON in `raw`. Raises `ValueError` where it is none.

    Half an emoji, a byte-order mark, bytes that are no UTF-8 and numbers that JSON does not have come from
    models and servers alike. They cost their own place in the answer, not the answer.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            lenient = json.loads(raw.decode("utf-8", "replace").removeprefix("\ufeff"))
            whole = json.dumps(lenient, ensure_ascii=False).encode("utf-16", "surrogatepass")
            return json.loads(whole.decode("utf-16", "replace"))
        except (ValueError, RecursionError):
            raise ValueError(str(error)) from None


def read_counts(raw: bytes) -> tuple[Usage, bool]:
    """The tokens of a reply, and whether `max_tokens` cut it: what `read_reply` says, at less cost. Raises
    `ValueError` as it does."""
    body = read_body(raw)
    message, choice = _first_message(body)
    return _usage(body.get("usage"), message), choice.get("finish_reason") == "length"


def read_usage(body: Any) -> Usage:
    """The tokens that a parsed reply used. Raises `ValueError` where it is no answer."""
    return _usage(body.get("usage"), _first_message(body)[0])


def write_reply(reply: Reply) -> bytes:
    """The body that `read_reply` reads back as `reply`."""
    message: Json = {"role": "assistant", "content": reply.text}
    if reply.reasoning is not None:
        message["reasoning_content"] = reply.reasoning
    choice: Json = {"index": 0, "message": message, "finish_reason": reply.finish}
    if reply.logprobs:
        choice["logprobs"] = {"content": [_write_choice(choice) for choice in reply.logprobs]}
    usage = reply.usage
    counts: Json = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    if usage.cached:
        counts["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    body = {"object": "chat.completion", "model": reply.model, "choices": [choice], "usage": counts}
    return orjson.dumps(body)


def split_thinking(content: str) -> tuple[str | None, str]:
    """Thinking and answer of a content that may begin with `<think>...</think>`.

    An unclosed block is all thinking: `max_tokens` ended it before the answer began.
    """
    start = content.lstrip()
    if start.startswith("<think>"):
        thinking, _, answer = start.removeprefix("<think>").partition("</think>")
        return thinking.strip(), answer.lstrip()
    if "</think>" in content and (end := _ORPHAN_END.search(content)):
        return content[: end.start()].strip(), content[end.end() :].lstrip()
    return None, content


def _first_message(body: Any) -> tuple[Json, Json]:
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise ValueError("the answer holds no choice with a message")
    return message, choice


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _plain_text(content: Any) -> str:
    """Content is a string, or null beside a refusal, or a list of parts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) or "" for part in content if isinstance(part, dict))
    return _text(content) or ""


def _usage(counts: Any, message: Json) -> Usage:
    """As the server counts. What it does not say is estimated, so that budgets and limits hold all the same;
    the prompt is not in the reply: `Usage.of` knows it."""
    counts = counts if isinstance(counts, dict) else {}
    details = counts.get("prompt_tokens_details")
    completion = _count(counts.get("completion_tokens"))
    if completion is None:
        said = _plain_text(message.get("content"))
        thought = _text(message.get("reasoning_content")) or _text(message.get("reasoning")) or ""
        completion = estimated_tokens(len(said.encode()) + len(thought.encode()))
    return Usage(
        prompt=_count(counts.get("prompt_tokens")) or 0,
        completion=completion,
        cached=_count(details.get("cached_tokens") if isinstance(details, dict) else None) or 0,
    )


def _count(value: Any) -> int | None:
    """A number of tokens; None for what cannot be one."""
    return int(value) if type(value) in _NUMBERS and 0 <= value <= _MOST_TOKENS else None


def _logprobs(block: Any, text: str, *, thought: bool) -> tuple[TokenChoice, ...]:
    """Those of the answer alone: servers list the tokens of the thinking, too. None where any of them has
    another form: what is left would not be the answer."""
    entries = block.get("content") if isinstance(block, dict) else None
    if not isinstance(entries, list):
        return ()
    try:
        choices = [_token_choice(entry) for entry in entries]
    except (KeyError, TypeError, ValueError):
        return ()
    return tuple(choices[_answer_start(choices, text) :] if thought else choices)


def _token_choice(entry: Any) -> TokenChoice:
    """Raises `KeyError`, `TypeError` or `ValueError` for another form."""
    token, logprob = _token(entry)
    return TokenChoice(token, logprob, dict([_token(other) for other in entry.get("top_logprobs") or ()]))


def _token(entry: Any) -> tuple[str, float]:
    token, logprob = entry["token"], entry["logprob"]
    # A little above 0 is rounding; more is no probability, and NaN is not even this.
    if type(token) is not str or type(logprob) not in _NUMBERS or not logprob <= _ROUNDING:
        raise ValueError("no token with its log-probability")
    return token, logprob if logprob <= 0 else 0.0


def _answer_start(choices: Sequence[TokenChoice], text: str) -> int:
    """Index of the first token of the answer, behind the thinking: the end where there is no answer, or where
    its text is not what the tokens spell.
    """
    joined = "".join(choice.token for choice in choices)
    ahead = joined.rfind(text) if text else -1
    length = 0
    for index, choice in enumerate(choices):
        length += len(choice.token)
        if 0 <= ahead < length:
            return index
    return len(choices)


def _write_choice(choice: TokenChoice) -> Json:
    return {
        "token": choice.token,
        "logprob": _finite(choice.logprob),
        "top_logprobs": [
            {"token": token, "logprob": _finite(logprob)} for token, logprob in choice.top.items()
        ],
    }


def _finite(logprob: float) -> float:
    """JSON has no infinity; -9999 is what servers write for a probability of nothing."""
    return logprob if math.isfinite(logprob) else -9999.0
