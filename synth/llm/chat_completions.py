"""Reads and writes replies in the chat-completions format.

`read_reply` and `write_reply` are inverses, so that clients without a server store raw replies in the same
format. Every reply is parsed here, because a server may send anything. A reply without a message raises
`ValueError`. A malformed part of a message counts as missing: a row that needs it is dropped, and no reply
can stop a run.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

import orjson

from synth.llm.base import Json, Reply, TokenChoice, Usage, estimated_tokens

# If the chat template opens the thinking block, the content has only its end tag, on a separate line.
_ORPHAN_END = re.compile(r"(?:^|\n)</think>[ \t]*(?:\n|$)")

# No answer has more tokens; a larger number is a fault of the server.
_MOST_TOKENS = 10**9
# JSON numbers. `bool` is a subclass of `int` in Python, but is not a number in JSON.
_NUMBERS = (int, float)
# The tolerance for log-probabilities above 0.
_ROUNDING = 0.01


def read_reply(raw: bytes) -> Reply:
    """Parses the body of a chat completion. Raises `ValueError` if it is not JSON, or has no choice with a
    message.
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
    """The JSON in `raw`. Raises `ValueError` if it is not JSON.

    Models and servers send half an emoji, byte-order marks, bytes that are not UTF-8 and numbers that JSON
    does not have. Only these parts are replaced; the rest of the answer is kept.
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
    """The tokens of a reply, and whether `max_tokens` cut it. A faster `read_reply`, which raises the same
    `ValueError`.
    """
    body = read_body(raw)
    message, choice = _first_message(body)
    return _usage(body.get("usage"), message), choice.get("finish_reason") == "length"


def read_usage(body: Any) -> Usage:
    """The tokens that a parsed reply used. Raises `ValueError` if it is not an answer."""
    return _usage(body.get("usage"), _first_message(body)[0])


def write_reply(reply: Reply) -> bytes:
    """The body that `read_reply` parses to `reply`."""
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
    """Splits content that may begin with `<think>...</think>` into thinking and answer.

    An unclosed block is all thinking: `max_tokens` cut the reply before the answer began.
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
        raise ValueError("the answer has no choice with a message")
    return message, choice


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _plain_text(content: Any) -> str:
    """Content as text. It is a string, a list of parts, or null with a refusal."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) or "" for part in content if isinstance(part, dict))
    return _text(content) or ""


def _usage(counts: Any, message: Json) -> Usage:
    """The server's counts. Missing counts of the answer are estimated, so that budgets and limits still work.

    The prompt is not in the reply; `Usage.of` estimates its tokens.
    """
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
    """A number of tokens; None for an impossible value."""
    return int(value) if type(value) in _NUMBERS and 0 <= value <= _MOST_TOKENS else None


def _logprobs(block: Any, text: str, *, thought: bool) -> tuple[TokenChoice, ...]:
    """The log-probabilities of the answer, without the tokens of the thinking, which servers list too.

    None if any of them is malformed, because the rest would not be the whole answer.
    """
    entries = block.get("content") if isinstance(block, dict) else None
    if not isinstance(entries, list):
        return ()
    try:
        choices = [_token_choice(entry) for entry in entries]
    except (KeyError, TypeError, ValueError):
        return ()
    return tuple(choices[_answer_start(choices, text) :] if thought else choices)


def _token_choice(entry: Any) -> TokenChoice:
    """Raises `KeyError`, `TypeError` or `ValueError` if it is malformed."""
    token, logprob = _token(entry)
    return TokenChoice(token, logprob, dict([_token(other) for other in entry.get("top_logprobs") or ()]))


def _token(entry: Any) -> tuple[str, float]:
    token, logprob = entry["token"], entry["logprob"]
    # A value slightly above 0 is a rounding error. A larger one is not a probability; the comparison also
    # refuses NaN.
    if type(token) is not str or type(logprob) not in _NUMBERS or not logprob <= _ROUNDING:
        raise ValueError("no token with its log-probability")
    return token, logprob if logprob <= 0 else 0.0


def _answer_start(choices: Sequence[TokenChoice], text: str) -> int:
    """The index of the first token of the answer, after the thinking.

    The number of tokens if there is no answer, or if the tokens do not spell its text.
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
    """Replaces minus infinity, which JSON lacks, by -9999, as servers do for a probability of zero."""
    return logprob if math.isfinite(logprob) else -9999.0
