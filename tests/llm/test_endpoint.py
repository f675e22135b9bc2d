"""The endpoint client on well-behaved servers: answers, keys, what servers can do, limits, the pool."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from endpoints import ask, outcomes, request, requests, run

from synth.errors import InputError, UnreachableError
from synth.llm.base import RequestFailed
from synth.llm.openai_compatible.client import EndpointClient
from tests.support.loopback.process import LoopbackProcess
from tests.support.loopback.settings import Settings

pytestmark = pytest.mark.timeout(60)
SCHEMA = {
    "type": "object",
    "properties": {"response": {"type": "string"}, "score": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["response", "score"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def process() -> Iterator[LoopbackProcess]:
    with LoopbackProcess(record=True) as running:
        yield running


@pytest.fixture
def server(process: LoopbackProcess) -> LoopbackProcess:
    defaults = Settings(record=True)
    process.control(**{name: getattr(defaults, name) for name in Settings.__slots__})
    return process


def bodies(server: LoopbackProcess, count: int) -> list[dict[str, Any]]:
    """What the last `count` requests to the server looked like."""
    return list(server.log(bodies=True)["bodies"][-count:])


def test_each_gets_its_own_answer(server: LoopbackProcess) -> None:
    server.control(latency=0.02, jitter=0.9)
    client = EndpointClient("fake", [server.url])
    first = ask(client, requests(300))
    second = ask(EndpointClient("fake", [server.url]), requests(300)[::-1])[::-1]
    assert [reply.text for reply in first] == [reply.text for reply in second]
    assert len({reply.text for reply in first}) == 300
    assert client.retries == 0
    assert first[0].usage.completion > 0


def test_the_body_says_what_the_request_says(server: LoopbackProcess) -> None:
    asked = request(
        "body",
        max_tokens=77,
        sampling={"temperature": 0.3, "top_p": 0.9},
        extra_body={"chat_template_kwargs": {"enable_thinking": False}},
        draw=3,
    )
    ask(EndpointClient("fake", [server.url]), [asked])
    (seen,) = bodies(server, 1)
    assert seen["body"] == {
        "model": "fake",
        "messages": [{"role": "user", "content": "body"}],
        "max_tokens": 77,
        "temperature": 0.3,
        "top_p": 0.9,
        "chat_template_kwargs": {"enable_thinking": False},
    }


def test_a_seed_is_sent_only_on_request(server: LoopbackProcess) -> None:
    drawn = [request("seed", draw=draw) for draw in (0, 1)]
    texts = {reply.text for reply in ask(EndpointClient("fake", [server.url], send_seed=True), drawn)}
    assert len(texts) == 2
    assert {seen["body"]["seed"] for seen in bodies(server, 2)} == {each.seed for each in drawn}


def test_the_raw_answer_is_the_servers_body(server: LoopbackProcess) -> None:
    (raw,) = outcomes(EndpointClient("fake", [server.url]), [request("raw")])
    assert isinstance(raw, bytes)
    assert json.loads(raw)["object"] == "chat.completion"


def test_the_key_goes_to_its_server_alone(server: LoopbackProcess) -> None:
    with LoopbackProcess(record=True, key="other") as other:
        server.control(key="mine")
        urls = [server.url, other.url]
        keys = {server.url: "mine", other.url: "other"}
        ask(EndpointClient("fake", urls, api_key=keys), requests(100, "keys"))
        assert {seen["key"] for seen in bodies(server, 20)} == {"Bearer mine"}
        assert {seen["key"] for seen in bodies(other, 20)} == {"Bearer other"}


def test_no_key_named_none_sent(server: LoopbackProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    ask(EndpointClient("fake", [server.url]), [request("keyless")])
    assert bodies(server, 1)[0]["key"] == ""


def test_a_redirect_is_not_followed(server: LoopbackProcess) -> None:
    with LoopbackProcess(record=True) as elsewhere:
        server.control(redirect=f"{elsewhere.url}/chat/completions")
        client = EndpointClient("fake", [server.url], api_key="sk-secret")
        results = outcomes_or_error(client, requests(3, "redirect"))
        assert isinstance(results, UnreachableError)
        assert elsewhere.url in str(results)
        assert elsewhere.log()["requests"] == 0


def outcomes_or_error(
    client: EndpointClient, several: list[Any]
) -> BaseException | list[bytes | BaseException]:
    try:
        return outcomes(client, several)
    except UnreachableError as error:
        return error


def test_a_proxy_of_the_environment_is_not_used(
    server: LoopbackProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert len(ask(EndpointClient("fake", [server.url]), requests(2, "proxy"))) == 2


def test_a_wrong_key_is_said_at_once_and_never_shown(server: LoopbackProcess) -> None:
    server.control(key="right")
    client = EndpointClient("fake", [server.url], api_key="sk-wrong")
    with pytest.raises(UnreachableError, match="Incorrect API key") as error:
        ask(client, requests(1))
    assert "sk-wrong" not in f"{error.value!s} {error.value!r} {client!r} {client.stats()!r}"


def test_a_key_that_turns_wrong_later(server: LoopbackProcess) -> None:
    async def work(client: EndpointClient) -> None:
        await client.ask(request("early"))
        server.control(key="changed")
        await asyncio.gather(*map(client.ask, requests(20, "late")))

    with pytest.raises(UnreachableError, match="Incorrect API key"):
        run(EndpointClient("fake", [server.url], api_key="old"), work)


@pytest.mark.parametrize("key", ["sk-1\n", "two words", "schlüssel"])
def test_what_cannot_be_a_key_is_refused_unseen(key: str) -> None:
    with pytest.raises(InputError) as error:
        EndpointClient("fake", ["http://127.0.0.1:1/v1"], api_key=key)
    assert key.strip() not in str(error.value)


def test_an_unknown_model_names_the_known_ones(server: LoopbackProcess) -> None:
    server.control(models="small,large")
    with pytest.raises(UnreachableError, match="It has: small, large"):
        ask(EndpointClient("fake", [server.url]), requests(40, "unknown"))


@pytest.mark.parametrize(
    ("can", "form"), [("json_schema,json_object", "json_schema"), ("json_object", "json_object"), ("", None)]
)
def test_schemas_by_each_servers_own_means(server: LoopbackProcess, can: str, form: str | None) -> None:
    server.control(structured=can)
    several = requests(60, f"schema {can}", schema=SCHEMA)
    client = EndpointClient("fake", [server.url])
    assert len(ask(client, several)) == 60
    last = bodies(server, 1)[0]["body"]
    assert last.get("response_format", {}).get("type") == form
    told = "must fit this JSON schema" in last["messages"][-1]["content"]
    assert told == (form != "json_schema")
    # What was found out once is not found out again: only what was under way by then is sent again.
    assert client.retries <= 3 * 32


def test_a_schema_gives_json(server: LoopbackProcess) -> None:
    for reply in ask(EndpointClient("fake", [server.url]), requests(20, "json", schema=SCHEMA)):
        assert set(json.loads(reply.text)) == {"response", "score"}


def test_logprobs_where_the_server_can(server: LoopbackProcess) -> None:
    judged = request("Rate this from 1 to 5.", logprobs=10, max_tokens=1)
    (reply,) = ask(EndpointClient("fake", [server.url]), [judged])
    assert set(reply.logprobs[0].top) == set("12345")
    server.control(logprobs=False)
    (reply,) = ask(EndpointClient("fake", [server.url]), [judged])
    assert reply.logprobs == ()


def test_the_other_name_of_the_limit(server: LoopbackProcess) -> None:
    server.control(demand_max_completion_tokens=True)
    replies = ask(EndpointClient("fake", [server.url]), requests(40, "limit", max_tokens=5))
    assert all(reply.usage.completion == 5 and reply.cut for reply in replies)


@pytest.mark.parametrize("where", ["field", "inline"])
def test_thinking_is_kept_apart(server: LoopbackProcess, where: str) -> None:
    server.control(reasoning=where)
    plain, thought = request("think", schema=SCHEMA), request("think twice", max_tokens=4)
    reply, cut = ask(EndpointClient("fake", [server.url]), [plain, thought])
    assert reply.reasoning
    assert set(json.loads(reply.text)) == {"response", "score"}
    assert (cut.text, cut.cut) == ("", True)


def test_cached_tokens_and_the_hit_rate(server: LoopbackProcess) -> None:
    shared = " ".join(f"rule{i}" for i in range(160))
    client = EndpointClient("fake", [server.url])

    async def work(client: EndpointClient) -> tuple[int, float | None]:
        for number in range(60):
            raw = await client.ask(request(f"{shared} {number}"))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.6)
        await client.ask(request(f"{shared} last"))
        server.control(latency=0.8)
        await client.ask(request(f"{shared} very last"))
        return client.read(raw).usage.cached, client.prefix_counts.hit_rate

    cached, rate = run(client, work)
    assert cached == 160
    assert rate is not None
    assert rate > 0.9


def test_stats_tell_how_the_servers_are(server: LoopbackProcess) -> None:
    server.control(error_500=0.2, latency=0.01)
    client = EndpointClient("fake", [server.url])
    ask(client, requests(100, "stats"))
    (stats,) = client.stats()
    assert (stats.url, stats.state, stats.in_flight, stats.answered) == (server.url, "ready", 0, 100)
    assert stats.requests == stats.answered + stats.failed == 100 + client.retries
    assert stats.last_error == "the engine stumbled"
    assert stats.limit >= 1
    assert stats.seconds > 0


def test_declared_limits_are_kept(server: LoopbackProcess) -> None:
    client = EndpointClient("fake", [server.url], requests_per_minute=1200)
    started = time.perf_counter()
    ask(client, requests(60, "rpm"))
    assert 1.9 < time.perf_counter() - started < 4
    client = EndpointClient("fake", [server.url], tokens_per_minute=60_000)
    started = time.perf_counter()
    replies = ask(client, requests(60, "tpm", max_tokens=100))
    used = sum(reply.usage.prompt + reply.usage.completion for reply in replies)
    assert time.perf_counter() - started > used / 1000 - 1.1


def test_unequal_servers_all_work() -> None:
    async def work(client: EndpointClient) -> list[int]:
        tasks = [asyncio.create_task(client.ask(each)) for each in requests(2000)]
        await asyncio.sleep(2)
        before = [stats.answered for stats in client.stats()]
        await asyncio.sleep(3)
        after = [stats.answered for stats in client.stats()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return [then - now for now, then in zip(before, after, strict=True)]

    with (
        LoopbackProcess(latency=0.2, capacity=4) as small,
        LoopbackProcess(latency=0.2, capacity=16) as large,
    ):
        few, many = run(EndpointClient("fake", [small.url, large.url], metrics=False), work)
    # Each could do so much alone, in 3 seconds.
    assert few > 0.85 * 3 * 4 / 0.2
    assert many > 0.85 * 3 * 16 / 0.2


def test_a_server_that_takes_long_over_its_metrics_is_asked_less_often() -> None:
    """Counted while the other one is read eight times; a slow machine makes both of them rarer."""

    async def work(client: EndpointClient) -> tuple[int, int]:
        often = 0
        while often < 8:
            await asyncio.sleep(0.2)
            often = quick.log()["metrics_reads"]
        return often, slow.log()["metrics_reads"]

    with LoopbackProcess() as quick, LoopbackProcess(metrics_time=0.2) as slow:
        often, seldom = run(EndpointClient("fake", [quick.url, slow.url]), work)
    assert 2 <= seldom <= often // 2


def test_equal_urls_are_one_server(server: LoopbackProcess) -> None:
    client = EndpointClient("fake", [server.url, server.url])
    assert len(client.stats()) == 1


def test_a_base_url_may_end_in_a_slash_or_in_the_whole_path(server: LoopbackProcess) -> None:
    for url in (f"{server.url}/", f"{server.url}/chat/completions"):
        assert len(ask(EndpointClient("fake", [url]), requests(1, "slash"))) == 1


def test_closed_twice_and_asked_afterwards(server: LoopbackProcess) -> None:
    async def work() -> None:
        client = EndpointClient("fake", [server.url])
        await client.open()
        await client.ask(request("once"))
        await client.close()
        await client.close()
        with pytest.raises(UnreachableError, match="closed"):
            await client.ask(request("too late"))

    asyncio.run(work())


def test_a_refused_request_is_not_tried_again(server: LoopbackProcess) -> None:
    server.control(context=50)
    before = server.log()["requests"]
    (failed,) = outcomes(EndpointClient("fake", [server.url]), [request("word " * 100, max_tokens=10)])
    assert isinstance(failed, RequestFailed)
    assert server.log()["requests"] == before + 1
