"""The embedded model: the real one, many requests at once."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from synth.errors import InputError, UnreachableError
from synth.llm.base import Reply, Request, RequestFailed
from synth.llm.embedded.client import EmbeddedClient
from synth.llm.embedded.download import DEFAULT_MODEL, find_model
from synth.llm.embedded.openvino import (
    _BATCH_INVARIANT,
    _FASTEST,
    Loaded,
    Properties,
    import_genai,
    load_pipeline,
    properties_for,
    without_bounds,
)

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 40},
        "age": {"type": "integer"},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


def a_request(text: str, **changes: Any) -> Request:
    wanted: dict[str, Any] = {"max_tokens": 24, "sampling": {"temperature": 0}} | changes
    return Request([{"role": "user", "content": text}], DEFAULT_MODEL, **wanted)


class Embedded:
    """A client, with the event loop that it lives in."""

    def __init__(self, **options: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = EmbeddedClient(**options)
        self.run(self.client.open())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def ask(self, *requests: Request) -> list[Reply]:
        async def ask_all() -> list[bytes]:
            return await asyncio.gather(*(self.client.ask(request) for request in requests))

        return [self.client.read(raw) for raw in self.run(ask_all())]

    def close(self) -> None:
        self.run(self.client.close())
        self.loop.close()


@pytest.fixture(scope="session")
def needs_model() -> None:
    pytest.importorskip("openvino_genai", reason="the extra `embedded` is not installed")
    try:
        find_model(DEFAULT_MODEL, Path())
    except UnreachableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def embedded(needs_model: None) -> Iterator[Embedded]:
    served = Embedded(max_in_flight=16)
    yield served
    served.close()


def alone_and_together(client: Embedded) -> tuple[list[str], list[str]]:
    """The texts of 16 replies: each asked alone, and among 48 others, 64 at once."""
    requests = [a_request(f"Name {number} fruits and a city.", max_tokens=32) for number in range(2, 66)]
    together = [reply.text for reply in client.ask(*requests)][::4]
    alone = [client.ask(request)[0].text for request in requests[::4]]
    assert len(set(alone)) > 8
    return alone, together


@pytest.mark.heavy
@pytest.mark.parametrize("instructions", ["default", "avx2"])
def test_a_greedy_reply_does_not_depend_on_the_batch(
    instructions: str, needs_model: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that this CPU can do, and as one that has neither AVX-512 nor bfloat16."""
    # The library passes it to oneDNN, which then uses no newer instructions.
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", instructions)
    client = Embedded(max_in_flight=64)
    try:
        alone, together = alone_and_together(client)
    finally:
        client.close()
    assert alone == together


@pytest.mark.heavy
@pytest.mark.parametrize("properties", [*_BATCH_INVARIANT, _FASTEST, {"INFERENCE_PRECISION_HINT": "bf16"}])
def test_the_model_loads_and_answers_under_each_set_of_properties(
    properties: Properties, needs_model: None
) -> None:
    """The last one is what a CPU with bfloat16 does by itself."""
    loaded = load(properties)
    assert loaded.properties == properties
    assert loaded.note is None
    config = import_genai().GenerationConfig()
    config.max_new_tokens = 4
    assert loaded.pipeline.generate(["Say hi."], [config])[0].m_generation_ids[0]


@pytest.mark.heavy
def test_what_this_cpu_refuses_is_replaced_and_said(needs_model: None) -> None:
    """The cache has to have the type of the sums: f32 beside bfloat16 is refused, and bfloat16 beside f32."""
    refused = {"KV_CACHE_PRECISION": "bf16", "INFERENCE_PRECISION_HINT": "f32"}
    loaded = load(refused, *_BATCH_INVARIANT)
    assert loaded.properties == _BATCH_INVARIANT[0]
    assert "expect kvcache type" in str(loaded.note)
    assert "can depend" not in str(loaded.note)
    assert "can depend on which other requests" in str(load(refused, _FASTEST).note)
    with pytest.raises(UnreachableError, match="expect kvcache type") as error:
        load(refused)
    assert "families" not in str(error.value)


def load(*properties: Properties) -> Loaded:
    file = find_model(DEFAULT_MODEL, Path())
    return load_pipeline(file, "llama", cache_gib=1, sequences=4, properties=properties)


@pytest.mark.heavy
def test_a_recipe_may_ask_for_speed_instead(needs_model: None) -> None:
    assert properties_for(batch_invariant=False) == ({},)
    *careful, last = properties_for(batch_invariant=True)
    assert careful == list(_BATCH_INVARIANT)
    assert last == {}
    client = Embedded(max_in_flight=4, batch_invariant=False)
    try:
        assert client.ask(a_request("Say hi."))[0].text
    finally:
        client.close()


@pytest.mark.heavy
def test_a_seeded_sample_is_the_request_s_own(embedded: Embedded) -> None:
    sampling = {"temperature": 0.9, "top_p": 0.95}
    first, other_draw = (a_request("Tell a short story.", sampling=sampling, draw=draw) for draw in (0, 1))
    one, two, again = embedded.ask(first, other_draw, first)
    assert one.text == again.text
    assert one.text != two.text


@pytest.mark.heavy
def test_max_tokens_cuts_and_tokens_are_counted(embedded: Embedded) -> None:
    (cut,) = embedded.ask(a_request("Write a long essay about rivers.", max_tokens=7))
    assert cut.cut
    assert cut.usage.completion == 7
    (short,) = embedded.ask(a_request("Say hi.", max_tokens=200))
    assert short.finish == "stop"
    assert 0 < short.usage.completion < 200
    longer = a_request("Say hi. Say hi.")
    assert embedded.ask(longer)[0].usage.prompt == short.usage.prompt + 3


@pytest.mark.heavy
def test_a_schema_is_kept_to(embedded: Embedded) -> None:
    texts = [f"Describe person number {number}." for number in range(4)]
    for reply in embedded.ask(*(a_request(text, schema=PERSON, max_tokens=150) for text in texts)):
        if not reply.cut:
            assert json.loads(reply.text).keys() == {"name", "age"}
        assert reply.text.lstrip().startswith("{")


@pytest.mark.heavy
def test_a_schema_that_cannot_be_kept_to_fails_alone(embedded: Embedded) -> None:
    async def both() -> list[bytes | BaseException]:
        requests = (a_request("Count."), a_request("JSON.", schema={"type": "nonsense"}), a_request("Sing."))
        return await asyncio.gather(*map(embedded.client.ask, requests), return_exceptions=True)

    first, broken, last = embedded.run(both())
    assert isinstance(broken, RequestFailed)
    assert "nonsense" in broken.words
    assert isinstance(first, bytes)
    assert isinstance(last, bytes)


@pytest.mark.heavy
def test_a_stop_string_ends_the_answer_before_itself(embedded: Embedded) -> None:
    (whole,) = embedded.ask(a_request("Tell me about numbers.", max_tokens=60))
    assert "." in whole.text
    (stopped,) = embedded.ask(
        a_request("Tell me about numbers.", max_tokens=60, sampling={"temperature": 0, "stop": ["."]})
    )
    assert stopped.finish == "stop"
    assert stopped.text == whole.text.partition(".")[0]


@pytest.mark.heavy
def test_logprobs_are_of_the_chosen_tokens(embedded: Embedded) -> None:
    (reply,) = embedded.ask(a_request("Name a colour.", logprobs=5))
    assert "".join(choice.token for choice in reply.logprobs).strip() == reply.text.strip()
    assert all(choice.logprob <= 0 and not choice.top for choice in reply.logprobs)
    assert any(choice.logprob < 0 for choice in reply.logprobs)


@pytest.mark.heavy
def test_more_requests_than_places_wait_their_turn(embedded: Embedded) -> None:
    async def flood() -> int:
        asked = [
            asyncio.create_task(embedded.client.ask(a_request(f"Say {n}.", max_tokens=4))) for n in range(40)
        ]
        most = 0
        while not all(task.done() for task in asked):
            most = max(most, embedded.client.in_flight)
            await asyncio.sleep(0.005)
        assert all(embedded.client.read(task.result()).usage.completion for task in asked)
        return most

    assert embedded.run(flood()) == 16
    assert embedded.client.in_flight == 0


@pytest.mark.heavy
def test_giving_up_on_one_leaves_the_others(embedded: Embedded) -> None:
    async def give_up() -> bytes:
        long = asyncio.create_task(embedded.client.ask(a_request("Count for ever.", max_tokens=2000)))
        other = asyncio.create_task(embedded.client.ask(a_request("Say hi.")))
        await asyncio.sleep(0.2)
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long
        return await other

    (undisturbed,) = embedded.ask(a_request("Say hi."))
    assert embedded.client.read(embedded.run(give_up())) == undisturbed
    assert embedded.client.in_flight == 0


@pytest.mark.heavy
def test_a_prompt_that_is_too_long_fails_in_words(embedded: Embedded) -> None:
    with pytest.raises(RequestFailed, match=r"the prompt is longer than .* 8192 tokens"):
        embedded.ask(a_request("word " * 10_000))


@pytest.mark.heavy
def test_a_value_out_of_range_fails_in_words(embedded: Embedded) -> None:
    with pytest.raises(RequestFailed, match=r"refuses this: .*top_p"):
        embedded.ask(a_request("Hi.", sampling={"temperature": 1.0, "top_p": 2.0}))


@pytest.mark.heavy
@pytest.mark.parametrize("changes", [{"sampling": {"mirostat": 2}}, {"extra_body": {"chat": 1}}])
def test_what_it_does_not_know_is_refused(embedded: Embedded, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"mirostat|extra_body"):
        embedded.ask(a_request("Hi.", **changes))


@pytest.mark.heavy
def test_nobody_waits_for_a_process_that_died(embedded: Embedded) -> None:
    async def kill() -> None:
        client = EmbeddedClient(max_in_flight=2)
        await client.open()
        asked = [asyncio.create_task(client.ask(a_request(f"Count {n}.", max_tokens=2000))) for n in range(4)]
        await asyncio.sleep(0.2)
        assert client._worker._process is not None
        client._worker._process.kill()
        for task in asked:
            with pytest.raises(UnreachableError, match="ended"):
                await task
        await client.close()
        await client.close()

    embedded.run(kill())


@pytest.mark.heavy
def test_closing_ends_requests_and_the_process(embedded: Embedded) -> None:
    async def close() -> int | None:
        client = EmbeddedClient(max_in_flight=2)
        await client.open()
        asked = asyncio.create_task(client.ask(a_request("Count for ever.", max_tokens=2000)))
        await asyncio.sleep(0.2)
        process = client._worker._process
        assert process is not None
        await client.close()
        with pytest.raises(UnreachableError, match="closed"):
            await asked
        return process.returncode

    assert embedded.run(close()) == 0


@pytest.mark.heavy
def test_nothing_is_reported_to_anyone(tmp_path: Path) -> None:
    """The library as it comes opens a connection and leaves an id in the home folder at each import."""
    watched = """if True:
        import sys
        from synth.llm.embedded.openvino import import_genai
        seen = []
        risky = ("socket.", "subprocess.", "os.fork")
        sys.addaudithook(lambda event, args: event.startswith(risky) and seen.append(event))
        import_genai()
        assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
        print(seen)
    """
    command = [sys.executable, "-c", watched]
    done = subprocess.run(command, env=os.environ | {"HOME": str(tmp_path)}, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.heavy
def test_a_file_that_the_library_cannot_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "model.gguf"
    key = b"general.architecture"
    header = b"GGUF" + (3).to_bytes(4, "little") + bytes(8) + (1).to_bytes(8, "little")
    entry = (
        len(key).to_bytes(8, "little")
        + key
        + (8).to_bytes(4, "little")
        + (6).to_bytes(8, "little")
        + b"gemma3"
    )
    broken.write_bytes(header + entry)
    client = EmbeddedClient("model.gguf", folder=tmp_path)
    with pytest.raises(UnreachableError, match=r"model\.gguf: OpenVINO cannot load .*'gemma3'"):
        asyncio.run(client.open())


def test_asking_before_opening_is_an_error() -> None:
    with pytest.raises(UnreachableError, match="not open"):
        asyncio.run(EmbeddedClient().ask(a_request("Hi.")))


def test_a_missing_file_is_found_out_before_any_process(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"there is no model file 'none\.gguf'"):
        asyncio.run(EmbeddedClient("none.gguf", folder=tmp_path).open())


def test_only_bounds_on_lengths_leave_a_schema() -> None:
    schema = {
        "properties": {
            "minLength": {"type": "string", "minLength": 3, "pattern": "^a{1,900}$"},
            "code": {"anyOf": [{"type": "string", "maxLength": 9}, {"enum": [{"maxLength": 1}]}]},
            "day": {"pattern": "^[0-9]+$"},
        },
        "minItems": 2,
    }
    assert without_bounds(schema) == {
        "properties": {
            "minLength": {"type": "string"},
            "code": {"anyOf": [{"type": "string"}, {"enum": [{"maxLength": 1}]}]},
            "day": {"pattern": "^[0-9]+$"},
        },
        "minItems": 2,
    }
