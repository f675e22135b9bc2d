"""The fake model: a client without server, weights or randomness.

Every reply is a function of the request's identity, so runs, tests and demonstrations repeat exactly.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson

from synth.errors import InputError, UnreachableError
from synth.frozen import FrozenJson
from synth.llm.base import PrefixCounts, Reply, Request, RequestFailed
from synth.llm.chat_completions import read_reply, write_reply
from synth.llm.fake.replies import fake_reply, finish_reply, message_text
from synth.small_files import read_small

# Maximum bytes of a script, which is read into memory.
_LARGEST_SCRIPT = 64 * 2**20
_RULE_KEYS = frozenset(
    {"match", "text", "replies", "any", "reasoning", "finish", "error", "status", "unreachable"}
)
_ANSWERS = ("text", "replies", "any", "error", "unreachable")


@dataclass(frozen=True, slots=True)
class FakeFaults:
    """Shares of requests with a fault, chosen by identity.

    `fail`: the request fails. `cut`: the reply is cut after half its words. `broken`: half a text with
    `finish` = `stop`.
    """

    fail: float = 0.0
    cut: float = 0.0
    broken: float = 0.0


@dataclass(frozen=True, slots=True)
class ScriptRule:
    """One line of a script: the answer if `match` is found in the messages.

    Draw and attempt select one of `replies`, so a second attempt gets the second one. The identity selects
    one of `any`.
    """

    match: re.Pattern[str]
    replies: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    reasoning: str | None = None
    finish: str = "stop"
    error: str | None = None
    status: int | None = None
    unreachable: str | None = None

    def text(self, request: Request) -> str:
        """The answer to `request`."""
        if self.any:
            return self.any[request.seed % len(self.any)]
        return self.replies[(request.draw + request.attempt) % len(self.replies)]


def read_script(path: Path) -> tuple[ScriptRule, ...]:
    """The rules of a JSONL file, in order. Raises `InputError`, which names the line."""
    try:
        lines = read_small(path, InputError, _LARGEST_SCRIPT).splitlines()
    except OSError as error:
        raise InputError(f"cannot read the fake model's script: {error}", where=str(path)) from error
    rules = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            rules.append(_read_rule(line, f"{path}:{number}"))
    return tuple(rules)


def _read_rule(line: str, where: str) -> ScriptRule:
    try:
        raw = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"not a line of JSON: {error}", where=where) from error
    if not isinstance(raw, dict):
        raise InputError("a rule is an object", where=where)
    if unknown := sorted(raw.keys() - _RULE_KEYS):
        raise InputError(
            f"a rule has no key {unknown[0]!r}", where=where, hint=f"Keys: {_listed(_RULE_KEYS)}."
        )
    if sum(key in raw for key in _ANSWERS) != 1:
        raise InputError("a rule needs one answer", where=where, hint=f"One of: {_listed(_ANSWERS)}.")
    try:
        pattern = re.compile(raw.get("match", ""), re.DOTALL)
    except (re.error, TypeError) as error:
        raise InputError(f"`match` is not a regular expression: {error}", where=where) from error
    return ScriptRule(
        match=pattern,
        replies=_texts(raw["text"] if "text" in raw else raw.get("replies", []), where),
        any=_texts(raw.get("any", []), where),
        **{key: raw[key] for key in ("reasoning", "finish", "error", "status", "unreachable") if key in raw},
    )


def _texts(value: Any, where: str) -> tuple[str, ...]:
    """The texts of a rule. Objects become JSON, so that scripts need no escaped JSON."""
    several: Sequence[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | dict) for each in several):
        raise InputError("an answer is a text or an object", where=where)
    return tuple(each if isinstance(each, str) else orjson.dumps(each).decode() for each in several)


def _listed(names: Sequence[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names))


class FakeClient:
    """A `Client` with scripted or made-up answers.

    `script` names a JSONL file of rules (`ScriptRule`), and the first matching rule answers. Requests without
    a matching rule get a made-up text (`synth.llm.fake.replies`). `delay` is the mean seconds per answer; the
    identity varies it by a factor of 0.5 to 1.5, so that answers arrive out of order. `seed` changes all
    made-up answers.
    """

    def __init__(
        self,
        model: str = "fake",
        *,
        script: Path | None = None,
        delay: float = 0.0,
        seed: int = 0,
        faults: FakeFaults | Mapping[str, float] | None = None,
    ) -> None:
        self.model = model
        self._rules = read_script(script) if script else ()
        self._delay = delay
        self._seed = seed
        self._faults = faults if isinstance(faults, FakeFaults) else FakeFaults(**(faults or {}))
        self._in_flight = 0

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    @property
    def in_flight(self) -> int:
        """The number of requests that wait for their delay."""
        return self._in_flight

    @property
    def retries(self) -> int:
        """Always 0: a failure here is permanent."""
        return 0

    @property
    def prefix_counts(self) -> PrefixCounts:
        """Zeros: there is no cache."""
        return PrefixCounts()

    async def ask(self, request: Request) -> bytes:
        """The reply. Raises `RequestFailed` or `UnreachableError` if a rule or a fault asks for it."""
        chance = Random(f"{self._seed}:{request.identity}")
        self._in_flight += 1
        try:
            await asyncio.sleep(self._delay * (0.5 + chance.random()))
        finally:
            self._in_flight -= 1
        return write_reply(self._answer(request, chance))

    def read(self, raw: bytes) -> Reply:
        """Parses the bytes from `ask`."""
        return read_reply(raw)

    def _answer(self, request: Request, chance: Random) -> Reply:
        reply = self._scripted(request)
        luck = chance.random()
        faults = self._faults
        if reply is None:
            reply = fake_reply(
                request.messages,
                key=f"{self._seed}:{request.identity}",
                max_tokens=request.max_tokens,
                schema=request.schema,
                logprobs=request.logprobs,
                model=self.model,
            )
        if luck < faults.fail:
            raise RequestFailed("refused by the fake model", status=400)
        if luck < faults.fail + faults.cut:
            return _halved(reply, request.messages, "length")
        if luck < faults.fail + faults.cut + faults.broken:
            return _halved(reply, request.messages, "stop")
        return reply

    def _scripted(self, request: Request) -> Reply | None:
        if not self._rules:
            return None
        asked = "\n".join(message_text(message) for message in request.messages)
        rule = next((rule for rule in self._rules if rule.match.search(asked)), None)
        if rule is None:
            return None
        if rule.error is not None:
            raise RequestFailed(rule.error, status=rule.status)
        if rule.unreachable is not None:
            raise UnreachableError(rule.unreachable)
        return finish_reply(
            request.messages,
            rule.text(request),
            max_tokens=request.max_tokens,
            model=self.model,
            finish=rule.finish,
            reasoning=rule.reasoning,
        )


def _halved(reply: Reply, messages: Sequence[FrozenJson], finish: str) -> Reply:
    half = reply.text[: len(reply.text) // 2]
    return finish_reply(messages, half, max_tokens=len(half), model=reply.model, finish=finish)
