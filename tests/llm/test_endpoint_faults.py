"""Each thing that goes wrong with servers, done by a real one: nothing is lost, and nothing hangs."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from endpoints import ask, outcomes, request, requests, run

from synth.errors import UnreachableError
from synth.llm.base import RequestFailed
from synth.llm.openai_compatible.client import EndpointClient
from synth.llm.openai_compatible.transport import Transport
from tests.support.loopback.process import LoopbackProcess
from tests.support.loopback.settings import Settings

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def process() -> Iterator[LoopbackProcess]:
    with LoopbackProcess() as running:
        yield running


@pytest.fixture
def server(process: LoopbackProcess) -> LoopbackProcess:
    defaults = Settings(latency=0.02)
    process.control(**{name: getattr(defaults, name) for name in Settings.__slots__})
    return process


def duplicates(before: dict[str, Any], after: dict[str, Any]) -> int:
    """Requests that were sent again although they had been answered."""
    answers = {key: count - before["answers"].get(key, 0) for key, count in after["answers"].items()}
    return sum(count - 1 for count in answers.values() if count > 1)


@pytest.mark.parametrize("fault", ["error_500", "drop", "garbled", "aborted"])
def test_what_passes_is_tried_again(server: LoopbackProcess, fault: str) -> None:
    server.control(**{fault: 0.1})
    before = server.log()
    client = EndpointClient("fake", [server.url])
    replies = ask(client, requests(400, fault))
    assert len({reply.text for reply in replies}) == 400
    assert all(reply.finish == "stop" for reply in replies)
    after = server.log()
    sent = after["requests"] - before["requests"]
    assert 420 < sent < 500
    assert client.retries == sent - 400
    assert duplicates(before, after) == 0


def test_hung_requests_are_asked_again_and_hold_nothing_up(server: LoopbackProcess) -> None:
    server.control(hang=0.02)
    started = time.perf_counter()
    replies = ask(EndpointClient("fake", [server.url]), requests(600, "hang"))
    assert len(replies) == 600
    assert time.perf_counter() - started < 8


def test_slow_answers_are_not_asked_twice(server: LoopbackProcess) -> None:
    server.control(latency=0.5, jitter=0.9, capacity=40)
    client = EndpointClient("fake", [server.url])
    assert len(ask(client, requests(150, "slow"))) == 150
    assert client.retries == 0


def test_a_server_that_stands_still_for_a_while_is_waited_for(server: LoopbackProcess) -> None:
    client = EndpointClient("fake", [server.url])
    halt = threading.Timer(0.3, server.control, kwargs={"capacity": 0})
    go_on = threading.Timer(2.3, server.control, kwargs={"capacity": 256})
    server.control(latency=0.1)
    halt.start()
    go_on.start()
    replies = ask(client, requests(1500, "still"))
    halt.join()
    go_on.join()
    assert len(replies) == 1500
    assert client.retries <= 8


def test_cut_and_broken_answers_are_answers(server: LoopbackProcess) -> None:
    server.control(cut=0.3)
    client = EndpointClient("fake", [server.url])
    replies = ask(client, requests(60, "cut"))
    assert 5 < sum(reply.cut for reply in replies) < 40
    assert client.retries == 0


@pytest.mark.parametrize("retry_after", [0.0, 1.0])
def test_too_many_requests_is_obeyed(server: LoopbackProcess, retry_after: float) -> None:
    before = server.log()
    server.control(busy=2.0, retry_after=retry_after)
    started = time.perf_counter()
    assert len(ask(EndpointClient("fake", [server.url]), requests(200, f"busy{retry_after}"))) == 200
    assert 1.5 < time.perf_counter() - started < 8
    assert server.log()["statuses"]["429"] - before["statuses"].get("429", 0) < 120


def test_a_wait_of_a_millisecond_is_no_leave_to_ask_thousands_of_times(server: LoopbackProcess) -> None:
    before = server.log()
    server.control(busy=3.0, retry_after=0.001)
    assert len(ask(EndpointClient("fake", [server.url]), requests(200, "millisecond"))) == 200
    assert server.log()["statuses"]["429"] - before["statuses"].get("429", 0) < 120


def test_nobody_waits_for_years_without_a_word(server: LoopbackProcess) -> None:
    server.control(busy=60.0, retry_after=1e9)
    started = time.perf_counter()
    results = outcomes(EndpointClient("fake", [server.url]), requests(50, "years"))
    assert time.perf_counter() - started < 5
    assert {type(result) for result in results} == {UnreachableError}
    assert "within the next 1,000,000,000 s" in str(results[0])


def test_a_provider_that_refuses_what_is_too_much_at_once(server: LoopbackProcess) -> None:
    server.control(latency=0.1, capacity=20, queue=0)
    before = server.log()
    started = time.perf_counter()
    assert len(ask(EndpointClient("fake", [server.url], metrics=False), requests(600, "atonce"))) == 600
    assert time.perf_counter() - started < 3 * 600 / 20 * 0.1
    assert server.log()["statuses"]["429"] - before["statuses"].get("429", 0) < 300


def test_a_request_too_long_fails_alone(server: LoopbackProcess) -> None:
    server.control(context=400)
    several = [*requests(30, "fits"), request("word " * 300)]
    results = outcomes(EndpointClient("fake", [server.url]), several)
    failed = results.pop()
    assert isinstance(failed, RequestFailed)
    assert failed.status == 400
    assert "maximum context length is 400" in failed.words
    assert all(isinstance(result, bytes) for result in results)


class PoisonServer(threading.Thread):
    """Answers 500 to prompts with the word poison, and well to all others."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data or (b"messages" not in data and data.startswith(b"POST")):
            data += connection.recv(65536)
        good = b'{"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}'
        status, body = (b"500 Oops", b'{"error": "it crashed"}') if b"poison" in data else (b"200 OK", good)
        head = b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        connection.sendall(head + body)

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.mark.parametrize("others", [0, 200])
def test_a_request_that_always_breaks_the_server_fails_alone(others: int) -> None:
    poisoned = PoisonServer()
    poisoned.start()
    try:
        client = EndpointClient("fake", [poisoned.url], give_up_after=30, metrics=False)
        results = outcomes(client, [request("poison"), *requests(others)])
    finally:
        poisoned.stop()
    assert isinstance(results[0], RequestFailed)
    assert "it crashed" in results[0].words
    assert all(isinstance(result, bytes) for result in results[1:])


def test_a_server_that_answers_everything_with_500_ends_the_run(server: LoopbackProcess) -> None:
    server.control(error_500=1.0)
    started = time.perf_counter()
    before = server.log()
    results = outcomes(EndpointClient("fake", [server.url], give_up_after=2), requests(300, "sick"))
    assert 1.9 < time.perf_counter() - started < 10
    assert all(isinstance(result, UnreachableError) for result in results)
    assert "the engine stumbled" in str(results[0])
    assert server.log()["requests"] - before["requests"] < 400


def test_killed_and_back(tmp_path: Any) -> None:
    log = tmp_path / "served.log"
    with LoopbackProcess(latency=0.05, capacity=20, log=str(log)) as server:
        client = EndpointClient("fake", [server.url])
        down = threading.Timer(0.8, server.kill)
        up = threading.Timer(2.0, server.start)
        down.start()
        up.start()
        replies = ask(client, requests(600))
        down.join()
        up.join()
    assert len({reply.text for reply in replies}) == 600
    served = [line.split()[0] for line in log.read_text().splitlines()]
    # Only what the kill caught between the server's log and our socket may be there twice.
    assert len(served) - len(set(served)) <= 20


def test_one_of_two_killed_half_way() -> None:
    with (
        LoopbackProcess(latency=0.05, capacity=20) as one,
        LoopbackProcess(latency=0.05, capacity=20) as other,
    ):
        client = EndpointClient("fake", [one.url, other.url])
        down = threading.Timer(0.6, one.kill)
        down.start()
        replies = ask(client, requests(800))
        down.join()
        assert len({reply.text for reply in replies}) == 800
        assert client.stats()[0].state == "sick"
        assert client.stats()[1].state == "ready"


def test_one_of_two_never_answers() -> None:
    with LoopbackProcess(latency=0.05, hang=1.0) as hung, LoopbackProcess(latency=0.05, capacity=50) as well:
        client = EndpointClient("fake", [hung.url, well.url])
        started = time.perf_counter()
        assert len(ask(client, requests(1000))) == 1000
        assert time.perf_counter() - started < 12


def test_a_server_gone_for_good_is_unreachable() -> None:
    with LoopbackProcess(latency=0.05, capacity=50) as server:

        async def work(client: EndpointClient) -> list[bytes | BaseException]:
            tasks = [asyncio.create_task(client.ask(each)) for each in requests(2000)]
            await asyncio.gather(*tasks[:100])
            server.kill()
            return await asyncio.gather(*tasks, return_exceptions=True)

        results = run(EndpointClient("fake", [server.url], give_up_after=2), work)
    answered = [result for result in results if isinstance(result, bytes)]
    errors = [result for result in results if isinstance(result, UnreachableError)]
    assert len(answered) >= 100
    assert len(answered) + len(errors) == 2000
    assert "127.0.0.1" in str(errors[0])


def test_nobody_there_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnreachableError, match=str(port)):
        ask(EndpointClient("fake", [f"http://127.0.0.1:{port}/v1"]), requests(1))


def test_one_of_two_not_there_does_not_matter(server: LoopbackProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = EndpointClient("fake", [f"http://127.0.0.1:{port}/v1", server.url])
    assert len(ask(client, requests(50, "alone"))) == 50


def test_a_whole_answer_has_a_time_limit(server: LoopbackProcess) -> None:
    server.control(hang=1.0)
    results = outcomes(
        EndpointClient("fake", [server.url], timeout=1.0, give_up_after=3), requests(10, "limit")
    )
    assert all(isinstance(result, UnreachableError) for result in results)
    assert "no answer within 1 s" in str(results[0])


def test_cancelled_requests_give_their_places_back(server: LoopbackProcess) -> None:
    server.control(latency=0.5, capacity=4)

    async def work(client: EndpointClient) -> tuple[int, int]:
        tasks = [asyncio.create_task(client.ask(each)) for each in requests(200, "cancel")]
        await asyncio.sleep(0.2)
        busy = client.in_flight
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        left = client.in_flight
        server.control(latency=0.01)
        await asyncio.gather(*map(client.ask, requests(20, "after")))
        return busy, left

    busy, left = run(EndpointClient("fake", [server.url]), work)
    assert busy >= 32
    assert left == 0


def test_a_cancellation_wins_over_an_answer_that_comes_with_it(server: LoopbackProcess) -> None:
    server.control(latency=0.02)

    async def cancelled_late() -> int:
        transport = Transport(server.url, None)
        await transport.open()
        body = b'{"model": "fake", "messages": [{"role": "user", "content": "x"}], "max_tokens": 5}'
        lost = 0
        for _ in range(20):
            asking = asyncio.create_task(transport.complete(body, 2**20))
            await asyncio.sleep(0.005)
            # The loop stands still while the answer arrives, so that both are there when it goes on.
            time.sleep(0.06)  # noqa: ASYNC251
            asking.cancel()
            await asyncio.wait([asking])
            lost += not asking.cancelled()
        await transport.close()
        return lost

    assert asyncio.run(cancelled_late()) == 0
