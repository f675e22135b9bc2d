"""The loopback server is what other tests stand on: its speed, its limits and each of its faults."""

from __future__ import annotations

import concurrent.futures
import http.client
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from synth.llm.chat_completions import read_reply
from tests.support.loopback.http import Connection
from tests.support.loopback.process import LoopbackProcess
from tests.support.loopback.settings import Settings


@pytest.fixture(scope="module")
def process() -> Iterator[LoopbackProcess]:
    with LoopbackProcess(record=True) as running:
        yield running


@pytest.fixture
def server(process: LoopbackProcess) -> LoopbackProcess:
    """The one server of this module, with everything set back."""
    defaults = Settings(record=True)
    process.control(**{name: getattr(defaults, name) for name in Settings.__slots__})
    return process


def call(
    server: LoopbackProcess, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def complete(
    server: LoopbackProcess, prompt: str = "hello", *, key: str = "", **more: Any
) -> tuple[int, dict[str, str], bytes]:
    body = {"model": "fake", "messages": [{"role": "user", "content": prompt}], "max_tokens": 300, **more}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return call(server, "POST", "/v1/chat/completions", orjson.dumps(body), **headers)


def words_of(body: bytes) -> str:
    return str(orjson.loads(body)["error"]["message"])


def timed(server: LoopbackProcess, count: int) -> float:
    """Seconds that `count` different requests take together, all sent at once."""
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        statuses = [status for status, *_ in pool.map(lambda i: complete(server, f"p{i}"), range(count))]
    assert statuses == [200] * count
    return time.perf_counter() - start


def test_an_answer_depends_on_the_prompt_alone(server: LoopbackProcess) -> None:
    status, _, first = complete(server, "one")
    again, other = complete(server, "one", max_tokens=900)[2], complete(server, "two")[2]
    assert status == 200
    assert first == again
    assert read_reply(first).text != read_reply(other).text


def test_capacity_makes_the_others_wait(server: LoopbackProcess) -> None:
    server.control(latency=0.1, capacity=2)
    assert 0.39 < timed(server, 8) < 0.8
    assert server.log()["most_at_once"] >= 2


def test_beyond_the_knee_all_get_slower(server: LoopbackProcess) -> None:
    server.control(latency=0.1, knee=2)
    assert timed(server, 2) < 0.2
    assert 0.39 < timed(server, 8) < 0.8


def test_jitter_mixes_the_order(server: LoopbackProcess) -> None:
    server.control(latency=0.1, jitter=0.9)
    times = []
    for i in range(6):
        start = time.perf_counter()
        complete(server, f"jitter {i}")
        times.append(time.perf_counter() - start)
    assert max(times) > 1.5 * min(times)


def test_metrics_tell_running_waiting_and_cache(server: LoopbackProcess) -> None:
    server.control(latency=0.3, capacity=2)
    shared = " ".join(f"word{i}" for i in range(64))
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        tasks = [pool.submit(complete, server, f"{shared} and {i}") for i in range(5)]
        time.sleep(0.15)
        text = call(server, "GET", "/metrics")[2].decode()
        assert all(task.result()[0] == 200 for task in tasks)
    values = {line.split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines()}
    assert values["vllm:num_requests_running"] == 2
    assert values["vllm:num_requests_waiting"] == 3
    assert values["vllm:kv_cache_usage_perc"] == 1.0
    assert values["vllm:prefix_cache_hits_total"] >= 4 * 64
    assert values["vllm:prefix_cache_queries_total"] > values["vllm:prefix_cache_hits_total"]
    server.control(metrics=False)
    assert call(server, "GET", "/metrics")[0] == 404


def test_who_leaves_frees_the_place(server: LoopbackProcess) -> None:
    server.control(latency=5.0, capacity=1)
    leaving = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    body = orjson.dumps({"model": "fake", "messages": [{"role": "user", "content": "leave"}]})
    leaving.request("POST", "/v1/chat/completions", body)
    time.sleep(0.1)
    server.control(latency=0.01)
    leaving.close()
    start = time.perf_counter()
    assert complete(server, "stay")[0] == 200
    assert time.perf_counter() - start < 2


def test_errors_come_and_pass(server: LoopbackProcess) -> None:
    server.control(error_500=0.5)
    statuses = [complete(server, "unlucky")[0] for _ in range(40)]
    assert 8 < statuses.count(500) < 32


def test_a_dropped_connection_ends_in_mid_answer(server: LoopbackProcess) -> None:
    server.control(drop=1.0)
    with pytest.raises(http.client.IncompleteRead):
        complete(server)


def test_a_hung_request_is_never_answered(server: LoopbackProcess) -> None:
    server.control(hang=1.0)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=0.3)
    connection.request(
        "POST", "/v1/chat/completions", orjson.dumps({"model": "fake", "messages": [{"content": "x"}]})
    )
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()


def test_cut_broken_garbled_and_aborted(server: LoopbackProcess) -> None:
    asked = {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}}
    server.control(cut=1.0)
    assert read_reply(complete(server)[2]).cut
    server.control(cut=0.0, broken=1.0)
    broken = read_reply(complete(server, **asked)[2])
    assert broken.finish == "stop"
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(broken.text)
    server.control(broken=0.0, garbled=1.0)
    with pytest.raises(ValueError, match=r"JSON|unexpected"):
        read_reply(complete(server)[2])
    server.control(garbled=0.0, aborted=1.0)
    assert read_reply(complete(server)[2]).finish == "abort"


def test_busy_for_a_while(server: LoopbackProcess) -> None:
    server.control(busy=0.3, retry_after=2.0)
    status, headers, _ = complete(server)
    assert (status, headers["retry-after"]) == (429, "2")
    time.sleep(0.35)
    assert complete(server)[0] == 200


def test_limits_a_minute_and_a_full_queue(server: LoopbackProcess) -> None:
    server.control(requests_per_minute=2)
    assert [complete(server, str(i))[0] for i in range(4)] == [200, 200, 429, 429]
    server.control(requests_per_minute=0, latency=0.2, capacity=1, queue=0)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda i: complete(server, f"q{i}")[0], range(6)))
    assert 429 in statuses
    assert 200 in statuses


def test_refusals(server: LoopbackProcess) -> None:
    assert complete(server, model="other")[0] == 404
    server.control(key="secret")
    assert complete(server)[0] == 401
    assert complete(server, key="wrong")[0] == 401
    assert complete(server, key="secret")[0] == 200
    server.control(key="", context=20)
    status, _, body = complete(server, "word " * 30, max_tokens=10)
    assert status == 400
    assert "maximum context length is 20" in words_of(body)
    server.control(context=0, redirect="http://127.0.0.1:1/v1/chat/completions")
    status, headers, _ = complete(server)
    assert (status, headers["location"]) == (307, "http://127.0.0.1:1/v1/chat/completions")


def test_what_a_server_cannot_do(server: LoopbackProcess) -> None:
    asked = {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}}
    server.control(structured="json_object", logprobs=False, demand_max_completion_tokens=True)
    limit = {"max_tokens": 300}
    status, _, body = complete(server, **limit)
    assert (status, "max_completion_tokens" in words_of(body)) == (400, True)
    server.control(demand_max_completion_tokens=False)
    status, _, body = complete(server, **asked)
    assert (status, "response_format" in words_of(body)) == (400, True)
    assert complete(server, response_format={"type": "json_object"})[0] == 200
    assert complete(server, logprobs=True, top_logprobs=5)[0] == 400


def test_reasoning_in_either_place_is_kept_apart(server: LoopbackProcess) -> None:
    plain = read_reply(complete(server, "think")[2])
    for where in ("field", "inline"):
        server.control(reasoning=where)
        reply = read_reply(complete(server, "think")[2])
        assert reply.text == plain.text
        assert reply.reasoning
        assert reply.usage.completion > plain.usage.completion
    cut = read_reply(complete(server, "think", max_tokens=3)[2])
    assert (cut.text, cut.finish) == ("", "length")


def test_the_log_tells_who_asked_what(server: LoopbackProcess) -> None:
    before = server.log()["requests"]
    complete(server, "logged", key="mine")
    complete(server, "logged")
    history = server.log(bodies=True)
    assert history["requests"] == before + 2
    first, second = history["bodies"][-2:]
    assert (first["key"], second["key"]) == ("Bearer mine", "")
    assert history["asked"][first["prompt"]] == history["answers"][first["prompt"]] == 2
    assert first["body"]["messages"][0]["content"] == "logged"


def test_models_health_and_nowhere(server: LoopbackProcess) -> None:
    server.control(models="small,large")
    status, _, body = call(server, "GET", "/v1/models")
    assert (status, [model["id"] for model in orjson.loads(body)["data"]]) == (200, ["small", "large"])
    assert call(server, "GET", "/health")[0] == 200
    assert call(server, "GET", "/nowhere")[0] == 404
    assert call(server, "POST", "/v1/chat/completions", b"{}")[0] == 400


@pytest.mark.parametrize("change", [{"latncy": 1}, {"latency": "fast"}, {"canned": 2}])
def test_control_refuses_what_it_does_not_know(server: LoopbackProcess, change: dict[str, Any]) -> None:
    assert call(server, "POST", "/control", orjson.dumps(change))[0] == 400


def test_killed_and_back_on_the_same_port(tmp_path: Any) -> None:
    log = tmp_path / "served.log"
    with LoopbackProcess(log=str(log), canned=True) as server:
        port = server.port
        assert complete(server)[0] == 200
        server.kill()
        with pytest.raises(ConnectionRefusedError):
            complete(server)
        server.start()
        assert server.port == port
        assert complete(server)[0] == 200
    assert [line.split()[1] for line in log.read_text().splitlines()] == ["200", "200"]


def test_requests_may_come_in_pieces_and_in_a_row() -> None:
    seen: list[tuple[bytes, str, bytes, str]] = []

    def handle(connection: Connection, method: bytes, target: str, body: bytes) -> None:
        seen.append((method, target, body, connection.header(b"x-name")))

    connection = Connection(handle)
    stream = b"POST /a HTTP/1.1\r\nX-Name:  Ann \r\nContent-Length: 4\r\n\r\nbody"
    stream += b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n"
    for at in range(0, len(stream), 7):
        connection.data_received(stream[at : at + 7])
    assert seen == [(b"POST", "/a", b"body", "Ann"), (b"GET", "/b", b"", "")]
