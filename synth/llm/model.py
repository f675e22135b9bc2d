"""One of a recipe's models, as stages use it: sends requests, and reuses replies from the run's journal."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from synth.frozen import FrozenJson
from synth.llm.base import Client, Json, Reply, Request, RequestFailed, Usage
from synth.llm.budget import BudgetLedger, Cost, usd
from synth.llm.early_stop import Trial
from synth.recipe.base import ModelConfig, Sampling

# Every request has a limit: this one if neither the recipe nor the stage sets one.
DEFAULT_MAX_TOKENS = 1024

# Further tokens for thinking. The model's context must also have room for the prompt.
_THINKING_TOKENS = 4096
_THINKING_SHARE = 0.5

# A low estimate of characters per prompt token, so that reservations are never too small.
_CHARACTERS_A_TOKEN = 2

_SETTINGS_KEPT = 64


class Memory(Protocol):
    """The part of the store that a model needs."""

    def find(self, request: Request) -> StoredReply | None: ...

    def append(self, request: Request, raw: bytes, *, failed: bool = False) -> asyncio.Future[None]: ...


class StoredReply(Protocol):
    """A reply from the journal."""

    @property
    def failed(self) -> bool: ...

    @property
    def raw(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply and its request.

    `number` counts the requests that were sent for a stage. None if the reply came from the journal, or from
    the same request of another row.
    """

    reply: Reply
    request: Request
    number: int | None = None


def room_to_think(context: int | None) -> int:
    """Tokens for the thinking of a model with this context."""
    return min(_THINKING_TOKENS, int(context * _THINKING_SHARE)) if context else _THINKING_TOKENS


@dataclass(slots=True)
class _Known:
    """What all views of a model share: the client's call of `open`, once it has started, and whether a reply
    had thinking.
    """

    opening: asyncio.Task[None] | None = None
    thinks: bool = False


class Model:
    """Sends requests to one model. Requests whose replies are in the journal are answered from there.

    Each stage has its own view of the model (`for_stage`), which stops if the stage gets no usable reply.
    """

    def __init__(
        self, name: str, config: ModelConfig, client: Client, memory: Memory, ledger: BudgetLedger
    ) -> None:
        self.name = name
        self.config = config
        self.client = client
        self._memory = memory
        self._ledger = ledger
        self._under_way: dict[str, asyncio.Future[Reply]] = {}
        self._known = _Known()
        self._trial = Trial(client.model, name)
        self._usual = Sampling()
        self._settings: dict[int, tuple[Sampling, Json, int | None]] = {}
        self._extra_body = dict(config.request_body)

    @property
    def model(self) -> str:
        """The model's name on the server."""
        return self.client.model

    @property
    def stage(self) -> str:
        """The stage that uses this view of the model."""
        return self._trial.stage

    def for_stage(self, stage: str) -> Model:
        """A view of this model for one stage. Everything else is shared."""
        # A shallow copy: the views share the requests in flight, the budget and the journal.
        view = copy.copy(self)
        view._trial = Trial(self.client.model, stage)
        return view

    def with_usual(self, usual: Sampling) -> Model:
        """A view with the parameters `usual`, where neither stage nor model says how tokens are chosen."""
        view = copy.copy(self)
        view._usual = usual
        view._settings = {}
        return view

    def sampled_as(self, sampling: Sampling) -> Model:
        """A view with these parameters instead of those that the recipe gives the model."""
        view = copy.copy(self)
        view.config = self.config.model_copy(update={"sampling": sampling.over(self.config.sampling)})
        view._settings = {}
        return view

    def sampling(self, of_stage: Sampling) -> Sampling:
        """The parameters of a stage's request: the stage's, else the model's, else the usual ones."""
        return of_stage.over(self.config.sampling).or_usual(self._usual)

    def note_use(self, answer: Completion, objection: str | None = None) -> None:
        """Records whether a completion was usable, or why it was not.

        Raises `NothingServes` if no completion was ever usable. Unusable replies from the journal do not
        count, so that a later call can continue.
        """
        if objection is None:
            self._trial.served = True
        elif answer.number is not None and (stop := self._trial.unusable(answer.number, objection)):
            raise stop

    async def ask(
        self,
        messages: Sequence[FrozenJson],
        sampling: Sampling,
        *,
        schema: Json | None = None,
        logprobs: int = 0,
        draw: int = 0,
        attempt: int = 0,
    ) -> Completion:
        """The completion of `messages`. `sampling` overrides the model's own.

        If nobody sets `max_tokens`, a reply without thinking has `DEFAULT_MAX_TOKENS`, and one with thinking
        has more room. A reply whose thinking reached the limit is asked for again with that room. All of this
        is one request: the limit is not part of its identity.

        Raises `RequestFailed` for a faulty request, `UnreachableError` if no server answers, and `Unfinished`
        if the budget is spent or every request is refused.
        """
        wanted, max_tokens = self._resolved(sampling)
        request = Request(
            messages=messages,
            model=self.client.model,
            max_tokens=max_tokens or DEFAULT_MAX_TOKENS,
            sampling=wanted,
            schema=schema,
            logprobs=logprobs,
            extra_body=self._extra_body,
            draw=draw,
            attempt=attempt,
        )
        if max_tokens is not None:
            reply, number = await self._reply(request)
            return Completion(reply, request, number)
        thinking = self._with_room(request)
        reply, number = await self._reply(request, thinking)
        return Completion(reply, thinking if reply.reasoning else request, number)

    def _with_room(self, request: Request) -> Request:
        """The same request with room to think."""
        # Computed before the copy, so that both have it.
        assert request.identity
        return replace(request, max_tokens=request.max_tokens + room_to_think(self.config.token_limit))

    def _resolved(self, sampling: Sampling) -> tuple[Json, int | None]:
        """The frozen sampling of a request, and its `max_tokens` if somebody sets it.

        A stage passes the same object each time, so the result is cached by `id()`. The cache also keeps the
        object itself, so that no other object can get the same `id()`.
        """
        known = self._settings.get(id(sampling))
        if known is None:
            settings = self.sampling(sampling)
            known = (sampling, settings.without_max_tokens(), settings.max_tokens)
            if len(self._settings) >= _SETTINGS_KEPT:
                self._settings.clear()
            self._settings[id(sampling)] = known
        return known[1], known[2]

    async def _reply(self, request: Request, thinking: Request | None = None) -> tuple[Reply, int | None]:
        """The reply from the journal, from the same request in flight, or from the client; and its number.

        `thinking` is the same request with room to think, if it may have it.
        """
        # The journal has a reply only when it is durable, so requests in flight are looked up first.
        while under_way := self._under_way.get(request.identity):
            try:
                # Shielded, because the cancellation of one row must not cancel the reply that others wait
                # for.
                return await asyncio.shield(under_way), None
            except asyncio.CancelledError:
                # The first sender was cancelled, but this caller was not, so it sends the request itself.
                if not under_way.cancelled() or _is_cancelled():
                    raise
        if (found := self._found(request, thinking)) is not None:
            self._ledger.reused += 1
            return found, None
        coming: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._under_way[request.identity] = coming
        try:
            reply, number = await self._sent(request, thinking)
        except asyncio.CancelledError:
            coming.cancel()
            raise
        except BaseException as error:
            # Others that wait for the same request get the same error. `exception()` marks it as seen, so
            # that asyncio does not log it if nobody waits.
            coming.set_exception(error)
            coming.exception()
            raise
        finally:
            del self._under_way[request.identity]
        coming.set_result(reply)
        return reply, number

    def _found(self, request: Request, thinking: Request | None) -> Reply | None:
        """The reply in the journal, without or with room to think."""
        found = self._looked_up(request)
        if thinking is None or (found is not None and not _cut_while_thinking(found)):
            return found
        found = self._looked_up(thinking)
        return found and _within(request.max_tokens, found)

    async def _sent(self, request: Request, thinking: Request | None) -> tuple[Reply, int]:
        """The reply of the client, with room to think as soon as any reply of the model had thinking."""
        if thinking is None or not self._known.thinks:
            reply, number = await self._send(request)
            if thinking is None or not _cut_while_thinking(reply):
                return reply, number
            if stop := self._trial.unusable(number, "max_tokens ended the thinking"):
                raise stop
        reply, number = await self._send(thinking)
        return _within(request.max_tokens, reply), number

    def _looked_up(self, request: Request) -> Reply | None:
        """The reply in the journal. Raises `RequestFailed` if that is a failure."""
        found = self._memory.find(request)
        if found is None:
            return None
        if found.failed:
            self._ledger.reused += 1
            raise RequestFailed(found.raw.decode("utf-8", "replace"))
        return self._read(found.raw)

    async def _send(self, request: Request) -> tuple[Reply, int]:
        # Taken before the first `await`, so that the numbers follow the order of the requests.
        number = self._trial.begin()
        await self._open()
        reserved = self._most_it_can_cost(request)
        await self._ledger.reserve(reserved)
        self._ledger.asked[self.stage] += 1
        used = Cost()
        try:
            raw = await self.client.ask(request)
            used = Cost(requests=1)
            # Durable before anybody reads it: no row may depend on a reply that a crash can lose.
            await self._memory.append(request, raw)
            reply = self._read(raw)
            used = self._cost(reply.usage.of(request.canonical))
            self._ledger.completion_tokens += reply.usage.completion
            return reply, number
        except RequestFailed as failure:
            used = Cost(requests=1)
            stop = self._trial.refused(number, failure)
            # In the journal too, so that a resumed run does not send the refused request again.
            await self._memory.append(request, failure.words.encode("utf-8", "replace"), failed=True)
            raise (stop or failure) from None
        finally:
            self._ledger.book(reserved, used)

    def _read(self, raw: bytes) -> Reply:
        """Parses a reply. Clients refuse replies that they cannot parse, but the journal of an older
        version may have some.
        """
        try:
            reply = self.client.read(raw)
        except ValueError as error:
            return Reply("", unreadable=str(error))
        self._known.thinks |= bool(reply.reasoning)
        return reply

    async def _open(self) -> None:
        """Opens the client when the first request is not in the journal."""
        opening = self._known.opening
        if opening is None:
            opening = self._known.opening = asyncio.ensure_future(self.client.open())
        if opening.done():
            opening.result()
        else:
            await asyncio.shield(opening)

    def _most_it_can_cost(self, request: Request) -> Cost:
        prompt = len(request.canonical) // _CHARACTERS_A_TOKEN
        return self._cost(Usage(prompt, request.max_tokens))

    def _cost(self, usage: Usage) -> Cost:
        return Cost(1, usage.prompt + usage.completion, usd(self.config.price, usage))


def _cut_while_thinking(reply: Reply) -> bool:
    return reply.cut and bool(reply.reasoning)


def _within(limit: int, reply: Reply) -> Reply:
    """A reply that had room to think. If it has no thinking, it is cut at the limit of such replies, as if it
    had been sent before the first reply with thinking.
    """
    longer = not reply.reasoning and reply.usage.completion > limit
    return replace(reply, finish="length") if longer else reply


def _is_cancelled() -> bool:
    """Whether the current task is being cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
