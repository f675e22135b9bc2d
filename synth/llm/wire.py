"""The chat-completions wire form, both ways: what a request becomes, and what an answer says.

`read_reply` and `write_reply` are inverses, so that a client that speaks to no server keeps its raw
replies in the same form as one that does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import orjson

from synth.llm.base import Json, Reply, TokenChoice, Usage

# A template that opens the thinking itself leaves only its end in the content, on a line of its own.
_ORPHAN_END = re.compile(r"(?:^|\n)</think>[ \t]*(?:\n|$)")


def read_reply(raw: bytes) -> Reply:
    """Parses the body of a chat completion.

    Raises `ValueError` where it is not JSON, or holds no choice with a message.
    """
    body = orjson.loads(raw)
    message, choice = _first_message(body)
    content = _plain_text(message.get("content"))
    finish = choice.get("finish_reason") or "stop"
    refusal = message.get("refusal")
    if not content and refusal:
        content, finish = str(refusal), "refusal"
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    text = content
    if reasoning is None:
        reasoning, text = split_thinking(content)
    return Reply(
        text=text,
        finish=finish,
        usage=_usage(body.get("usage")),
        reasoning=reasoning,
        logprobs=_logprobs(choice.get("logprobs"), text, thought=reasoning is not None),
        model=str(body.get("model") or ""),
    )


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
    try:
        choice = body["choices"][0]
        message = choice["message"]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("the answer holds no choice with a message") from error
    if not isinstance(message, dict):
        raise ValueError("the message of the answer is no object")
    return message, choice


def _plain_text(content: Any) -> str:
    """Content is a string, or null beside a refusal, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def _usage(counts: Any) -> Usage:
    if not isinstance(counts, dict):
        return Usage()
    details = counts.get("prompt_tokens_details") or {}
    return Usage(
        prompt=counts.get("prompt_tokens") or 0,
        completion=counts.get("completion_tokens") or 0,
        cached=details.get("cached_tokens") or 0,
    )


def _logprobs(block: Any, text: str, *, thought: bool) -> tuple[TokenChoice, ...]:
    """Those of the answer alone: servers list the tokens of the thinking, too."""
    if not isinstance(block, dict) or not block.get("content"):
        return ()
    choices = [
        TokenChoice(
            token=entry["token"],
            logprob=entry["logprob"],
            top={top["token"]: top["logprob"] for top in entry.get("top_logprobs") or ()},
        )
        for entry in block["content"]
    ]
    return tuple(choices[_answer_start(choices, text) :] if thought else choices)


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
