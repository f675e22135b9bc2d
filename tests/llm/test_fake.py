"""The fake model: repeatable, obedient to schemas and limits, scripted where told."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import jsonschema
import pytest
from rapidfuzz.distance import LCSseq

from synth.errors import InputError, UnreachableError
from synth.llm.base import Reply, Request, RequestFailed, TokenChoice, Usage
from synth.llm.chat_completions import read_reply, write_reply
from synth.llm.fake.client import FakeClient, FakeFaults


def request(text: str = "hello", **kwargs: object) -> Request:
    return Request([{"role": "user", "content": text}], "fake", kwargs.pop("max_tokens", 400), **kwargs)  # type: ignore[arg-type]


def ask(client: FakeClient, *requests: Request) -> list[Reply]:
    async def every() -> list[Reply]:
        await client.open()
        raw = await asyncio.gather(*map(client.ask, requests))
        await client.close()
        return [client.read(each) for each in raw]

    return asyncio.run(every())


def script(tmp_path: Path, *rules: dict[str, object]) -> Path:
    path = tmp_path / "script.jsonl"
    path.write_text("".join(json.dumps(rule) + "\n" for rule in rules))
    return path


def similarity(a: str, b: str) -> float:
    left, right = a.lower().split(), b.lower().split()
    return 2 * LCSseq.similarity(left, right) / (len(left) + len(right))


def test_equal_requests_get_equal_bytes_in_any_order() -> None:
    several = [request(f"prompt {i}") for i in range(50)]

    async def bytes_of(order: list[Request]) -> dict[str, bytes]:
        client = FakeClient(delay=0.002)
        raw = await asyncio.gather(*map(client.ask, order))
        return {each.identity: answer for each, answer in zip(order, raw, strict=True)}

    assert asyncio.run(bytes_of(several)) == asyncio.run(bytes_of(several[::-1]))


def test_draws_attempts_and_seeds_differ() -> None:
    texts = {reply.text for reply in ask(FakeClient(), request(), request(draw=1), request(attempt=1))}
    texts.add(ask(FakeClient(seed=1), request())[0].text)
    assert len(texts) == 4


def test_drafts_pass_a_novelty_filter() -> None:
    schema = {"type": "object", "properties": {"instruction": {"type": "string"}}}
    replies = ask(FakeClient(), *(request(f"draft {i}", schema=schema) for i in range(200)))
    kept: list[str] = []
    for reply in replies:
        text = json.loads(reply.text)["instruction"]
        if all(similarity(text, other) < 0.7 for other in kept):
            kept.append(text)
    assert len(kept) >= 170


NESTED = {
    "type": "object",
    "$defs": {"mark": {"type": "string", "enum": ["good", "bad"]}},
    "properties": {
        "instruction": {"type": "string", "minLength": 10},
        "response": {"type": "string", "maxLength": 60},
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "sure": {"type": "boolean"},
        "mark": {"$ref": "#/$defs/mark"},
        "kind": {"const": "draft"},
        "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        "parts": {
            "type": "array",
            "minItems": 2,
            "maxItems": 4,
            "items": {
                "type": "object",
                "properties": {
                    "title": {"type": "string"},
                    "count": {"type": "integer", "exclusiveMinimum": 2},
                },
                "required": ["title", "count"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["instruction", "response", "score", "share", "sure", "mark", "kind", "note", "parts"],
    "additionalProperties": False,
}


def test_schemas_are_obeyed() -> None:
    for reply in ask(FakeClient(), *(request(f"fill {i}", schema=NESTED) for i in range(100))):
        jsonschema.validate(json.loads(reply.text), NESTED)


def test_max_tokens_cuts_and_says_so() -> None:
    whole, cut = ask(FakeClient(), request(), request(max_tokens=5))
    assert (whole.finish, cut.finish, cut.usage.completion) == ("stop", "length", 5)
    assert cut.cut
    assert whole.text.startswith(cut.text)
    assert len(cut.text.split()) == 5


def test_usage_counts_words() -> None:
    (reply,) = ask(FakeClient(), request("four words are here"))
    assert reply.usage == Usage(prompt=4, completion=len(reply.text.split()))


def test_a_rating_comes_with_the_probabilities_of_its_scale() -> None:
    judged = [request(f"Rate answer {i} from 1 to 7.", logprobs=20) for i in range(40)]
    replies = ask(FakeClient(), *judged)
    for reply in replies:
        (choice,) = reply.logprobs
        assert set(choice.top) == set("1234567")
        assert 0.9 < sum(math.exp(each) for each in choice.top.values()) <= 1.0
        assert reply.text == max(choice.top, key=lambda token: choice.top[token])
    assert len({reply.text for reply in replies}) >= 4


def test_logprobs_cover_an_ordinary_text() -> None:
    (reply,) = ask(FakeClient(), request("Tell me something.", logprobs=3))
    assert "".join(choice.token for choice in reply.logprobs) == reply.text
    assert all(len(choice.top) == 3 for choice in reply.logprobs)


def test_a_script_answers_by_attempt_and_falls_back(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        {"match": "capital", "replies": ["Paris", "Rome"]},
        {"match": "judge", "text": {"score": 3}, "reasoning": "hmm"},
        {"match": "long", "text": "unfinished", "finish": "length"},
    )
    first, second, judged, long, other = ask(
        FakeClient(script=path),
        request("the capital?"),
        request("the capital?", attempt=1),
        request("you are a judge"),
        request("a long one"),
        request("nothing of these"),
    )
    assert (first.text, second.text) == ("Paris", "Rome")
    assert (json.loads(judged.text), judged.reasoning) == ({"score": 3}, "hmm")
    assert long.cut
    assert other.text == ask(FakeClient(), request("nothing of these"))[0].text


def test_any_spreads_by_identity(tmp_path: Path) -> None:
    client = FakeClient(script=script(tmp_path, {"any": ["a", "b", "c"]}))
    assert {reply.text for reply in ask(client, *(request(str(i)) for i in range(40)))} == {"a", "b", "c"}


def test_scripted_errors(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        {"match": "filter", "error": "content refused", "status": 400},
        {"match": "gone", "unreachable": "the server is gone"},
    )
    with pytest.raises(RequestFailed, match="content refused") as failed:
        ask(FakeClient(script=path), request("filter me"))
    assert failed.value.status == 400
    with pytest.raises(UnreachableError, match="the server is gone"):
        ask(FakeClient(script=path), request("gone"))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not a line of JSON"),
        ("[]", "a rule is an object"),
        ('{"match": "a", "txt": "b"}', "no key 'txt'"),
        ('{"match": "a"}', "needs one answer"),
        ('{"text": "a", "error": "b"}', "needs one answer"),
        ('{"match": "(", "text": "b"}', "not a regular expression"),
        ('{"text": 3}', "a text or an object"),
    ],
)
def test_a_broken_script_names_its_line(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "script.jsonl"
    path.write_text('{"text": "fine"}\n' + line + "\n")
    with pytest.raises(InputError, match=says) as error:
        FakeClient(script=path)
    assert error.value.where == f"{path}:2"


def test_a_missing_script_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        FakeClient(script=tmp_path / "none.jsonl")


def test_faults_hit_their_share_by_identity() -> None:
    client = FakeClient(faults=FakeFaults(cut=0.3, broken=0.3))
    schema = {"type": "object", "properties": {"response": {"type": "string"}}}
    several = [request(f"p{i}", schema=schema) for i in range(300)]
    replies = ask(client, *several)
    cut = [reply for reply in replies if reply.cut]
    broken = [reply for reply in replies if not reply.cut and not reply.text.endswith("}")]
    assert 60 < len(cut) < 120
    assert 60 < len(broken) < 120
    assert replies == ask(client, *several)


def test_a_failed_share_raises() -> None:
    async def failures() -> int:
        client = FakeClient(faults={"fail": 0.2})
        several = (client.ask(request(f"p{i}")) for i in range(200))
        results = await asyncio.gather(*several, return_exceptions=True)
        return sum(isinstance(result, RequestFailed) for result in results)

    assert 20 < asyncio.run(failures()) < 60


def test_in_flight_counts_what_waits() -> None:
    async def watch() -> tuple[int, int]:
        client = FakeClient(delay=0.05)
        tasks = [asyncio.create_task(client.ask(request(str(i)))) for i in range(7)]
        await asyncio.sleep(0.01)
        busy = client.in_flight
        await asyncio.gather(*tasks)
        return busy, client.in_flight

    assert asyncio.run(watch()) == (7, 0)


def test_wire_form_keeps_a_whole_reply() -> None:
    reply = Reply(
        text="4",
        finish="stop",
        usage=Usage(prompt=9, completion=3, cached=5),
        reasoning="let me see",
        logprobs=(TokenChoice("4", -0.1, {"4": -0.1, "5": -2.5}),),
        model="fake",
    )
    assert read_reply(write_reply(reply)) == reply
