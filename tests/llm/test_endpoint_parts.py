"""The parts of the endpoint client that need no server: faults, capabilities, limits, metrics, wire forms."""

from __future__ import annotations

from random import Random

import orjson
import pytest
from endpoints import request

from synth.llm.chat_completions import read_reply, split_thinking
from synth.llm.openai_compatible.capabilities import ServerCapabilities
from synth.llm.openai_compatible.hedging import AnswerTimes, overtaken
from synth.llm.openai_compatible.metrics import pause_after, read_metrics
from synth.llm.openai_compatible.rate_limits import RateLimits, TokenBucket
from synth.llm.openai_compatible.retry import Fault, backoff, judge, judge_body, retry_after, spoken


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, Fault.REQUEST),
        (413, Fault.REQUEST),
        (422, Fault.REQUEST),
        (401, Fault.SERVER_FOR_GOOD),
        (403, Fault.SERVER_FOR_GOOD),
        (404, Fault.SERVER_FOR_GOOD),
        (302, Fault.SERVER_FOR_GOOD),
        (408, Fault.SERVER),
        (409, Fault.SERVER),
        (425, Fault.SERVER),
        (429, Fault.BUSY),
        (500, Fault.SERVER),
        (502, Fault.SERVER),
        (503, Fault.SERVER),
        (504, Fault.SERVER),
        (529, Fault.BUSY),
    ],
)
def test_whose_fault_a_status_is(status: int, fault: Fault) -> None:
    assert judge(status, {}, b"{}", answered_before=False).fault is fault


def test_a_403_after_answers_is_about_the_request() -> None:
    assert judge(403, {}, b"flagged", answered_before=True).fault is Fault.REQUEST


def test_no_money_is_no_matter_of_seconds() -> None:
    body = b'{"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}'
    failure = judge(429, {}, body, answered_before=True)
    assert failure.fault is Fault.SERVER_FOR_GOOD
    assert "quota" in failure.words


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"Retry-After": "2.5"}, 2.5),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "soon"}, 0.0),
        (
            {"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"},
            30.0,
        ),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "nan"}, 0.0),
        ({"Retry-After": "inf"}, 1e9),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": "Mon, 01 Jan 2024 00:00:00 GMT"}, 1e9),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "too long", "code": 400}}', "too long"),
        (b'{"error": {"message": "no", "code": "bad_thing"}}', "no (bad_thing)"),
        (b'{"error": "plain"}', "plain"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"message": "said"}', "said"),
        (b"<html>Bad Gateway</html>", "<html>Bad Gateway</html>"),
    ],
)
def test_the_servers_words_are_found(body: bytes, words: str) -> None:
    assert spoken(body) == words


def test_a_200_may_hide_an_error() -> None:
    assert judge_body({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}) is None
    for body in (
        [],
        {"choices": []},
        {"choices": [{"text": "x"}]},
        {"error": {"message": "no", "code": 502}},
    ):
        failure = judge_body(body)
        assert failure is not None
        assert failure.fault is Fault.SERVER
    refused = judge_body({"error": {"message": "flagged", "code": 400}})
    assert refused is not None
    assert refused.fault is Fault.REQUEST
    aborted = judge_body({"choices": [{"message": {"content": "ha"}, "finish_reason": "abort"}]})
    assert aborted is not None
    assert aborted.fault is Fault.SERVER


def test_backoff_doubles_with_jitter_and_has_an_end() -> None:
    chance = Random(1)
    for tries, ceiling in ((1, 0.1), (2, 0.2), (5, 1.6), (50, 10.0)):
        waits = [backoff(tries, chance) for _ in range(200)]
        assert ceiling / 2 <= min(waits) < max(waits) <= ceiling
        assert max(waits) - min(waits) > 0.4 * ceiling


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def test_forms_of_a_schema_in_turn() -> None:
    asked = request("x", schema=SCHEMA)
    capabilities, forms = ServerCapabilities(), []
    words = "response_format is not supported"
    while True:
        body = orjson.loads(capabilities.body(asked))
        schema = body.get("response_format", {}).get("json_schema", {})
        forms.append((body.get("response_format", {}).get("type"), schema.get("strict")))
        better = capabilities.after_refusal(asked, words)
        if better is None:
            break
        capabilities = better
    assert forms == [("json_schema", True), ("json_schema", None), ("json_object", None), (None, None)]
    assert body["messages"][-1]["content"].startswith("x\n\nAnswer with one JSON object")
    assert asked.messages[-1]["content"] == "x"


def test_logprobs_shrink_then_go() -> None:
    asked = request(logprobs=20)
    capabilities = ServerCapabilities().after_refusal(asked, "top_logprobs must be at most 5")
    assert capabilities is not None
    assert orjson.loads(capabilities.body(asked))["top_logprobs"] == 5
    capabilities = capabilities.after_refusal(asked, "logprobs is not supported")
    assert capabilities is not None
    assert "logprobs" not in orjson.loads(capabilities.body(asked))
    assert capabilities.after_refusal(asked, "logprobs is not supported") is None


def test_what_is_not_about_the_form_is_the_requests_fault() -> None:
    asked = request("x", schema=SCHEMA, logprobs=5)
    assert ServerCapabilities().after_refusal(asked, "maximum context length is 4096 tokens") is None
    assert ServerCapabilities().after_refusal(request("x"), "response_format is not supported") is None
    assert ServerCapabilities().after_refusal(request("x"), "seed is not supported") is None


def test_a_seed_is_given_up_when_refused() -> None:
    capabilities = ServerCapabilities().after_refusal(request(), "unknown parameter: seed", send_seed=True)
    assert capabilities is not None
    assert "seed" not in orjson.loads(capabilities.body(request(), send_seed=True))


def test_rate_limit_holds_over_a_minute() -> None:
    limit, now, sent = TokenBucket(600, 0.0), 0.0, 0
    while now < 60:
        wait = limit.wait(1, now)
        if wait:
            now += wait
        else:
            limit.take(1, now)
            sent += 1
    assert 600 <= sent <= 611


def test_a_cost_beyond_the_bucket_is_still_paid_for() -> None:
    limit = TokenBucket(60, 0.0)
    assert limit.wait(30, 0.0) == 0
    limit.take(30, 0.0)
    assert limit.wait(1, 0.0) == pytest.approx(30.0)


def test_tokens_not_used_come_back() -> None:
    limits = RateLimits(None, 60, 0.0)
    limits.take(31, 0.0)
    assert limits.wait(1, 0.0) == pytest.approx(31.0)
    limits.give_back(31, 0.0)
    assert limits.wait(1, 0.0) == 0


def test_metrics_of_vllm_are_added_up_over_engines() -> None:
    text = b"""# HELP vllm:num_requests_running Number of requests
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 12.0
vllm:num_requests_running{engine="1",model_name="m"} 3.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting{engine="1",model_name="m"} 0.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.5
vllm:prefix_cache_queries_total{engine="0"} 1.2e+03
vllm:prefix_cache_hits_total{engine="0"} 600.0
"""
    seen = read_metrics(text)
    assert seen is not None
    assert (seen.running, seen.waiting, seen.cache_use) == (15, 2, 0.5)
    assert (seen.prefix_queries, seen.prefix_hits) == (1200, 600)
    assert read_metrics(b"process_cpu_seconds_total 3") is None


def test_late_is_several_times_what_others_took() -> None:
    late = AnswerTimes()
    for _ in range(15):
        late.answered(100, 2.0)
    assert late.late_after(100) is None
    late.answered(100, 2.0)
    assert late.late_after(100) == 10.0
    assert late.late_after(200) is None
    for _ in range(20):
        late.answered(7, 0.01)
    assert late.late_after(7) == late.earliest == 1.0


@pytest.mark.parametrize(("took", "pause"), [(0.0, 0.5), (0.005, 0.5), (0.03, 3.0), (2.0, 10.0)])
def test_metrics_that_take_longer_are_read_less_often(took: float, pause: float) -> None:
    assert pause_after(took) == pytest.approx(pause)


def test_overtaken_by_half() -> None:
    assert not overtaken(4, 10)
    assert overtaken(5, 10)
    assert overtaken(0, 1)


@pytest.mark.parametrize(
    ("content", "thinking", "answer"),
    [
        ("plain", None, "plain"),
        ("<think>\nhm\n</think>\n\nyes", "hm", "yes"),
        ("<think>never ends", "never ends", ""),
        ("hm, so\n</think>\n\nyes", "hm, so", "yes"),
        ("the tag </think> in a text", None, "the tag </think> in a text"),
    ],
)
def test_thinking_and_answer(content: str, thinking: str | None, answer: str) -> None:
    assert split_thinking(content) == (thinking, answer)


def body_of(message: dict[str, object], **choice: object) -> bytes:
    return orjson.dumps({"choices": [{"message": message, **choice}]})


def test_logprobs_begin_where_the_answer_does() -> None:
    tokens = [
        {"token": token, "logprob": -0.5, "top_logprobs": []}
        for token in ("<think>", "2?", "</think>", "\n", "4")
    ]
    reply = read_reply(body_of({"content": "<think>2?</think>\n4"}, logprobs={"content": tokens}))
    assert (reply.text, [choice.token for choice in reply.logprobs]) == ("4", ["4"])


@pytest.mark.parametrize(
    ("message", "spelt", "of_the_answer"),
    [
        ({"content": None, "reasoning": "2 of 5"}, ["2", " of", " 5"], []),
        (
            {"content": "4", "reasoning": "5?"},
            ["5", "?", "</think>", "\n\n", "4", "<|end|>"],
            ["4", "<|end|>"],
        ),
        ({"content": "caf\u00e9", "reasoning": "5?"}, ["5", "?", "</think>", "caf", "\ufffd", "\ufffd"], []),
        ({"content": "4"}, ["4", "<|end|>"], ["4", "<|end|>"]),
        ({"content": "caf\u00e9"}, ["caf", "\ufffd", "\ufffd"], ["caf", "\ufffd", "\ufffd"]),
    ],
)
def test_no_logprob_of_the_thinking_is_taken_for_one_of_the_answer(
    message: dict[str, object], spelt: list[str], of_the_answer: list[str]
) -> None:
    tokens = [{"token": token, "logprob": -0.5, "top_logprobs": []} for token in spelt]
    reply = read_reply(body_of(message, finish_reason="length", logprobs={"content": tokens}))
    assert [choice.token for choice in reply.logprobs] == of_the_answer


def test_odd_messages_are_read() -> None:
    assert read_reply(body_of({"content": None, "refusal": "I cannot."})).finish == "refusal"
    assert read_reply(body_of({"content": [{"type": "text", "text": "part"}]})).text == "part"
    assert read_reply(body_of({"content": None}, finish_reason="length")).cut
    assert read_reply(body_of({"content": "a", "reasoning": "b"})).reasoning == "b"


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": 1}]}']
)
def test_what_is_no_answer_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):
        read_reply(raw)
