"""The process of the embedded model: reads requests from stdin, and writes replies to stdout.

It is a process and not a thread, because a step of the library does not release Python's lock (the GIL): in
the same process, neither the journal nor the display could run meanwhile. It also frees all memory when it
ends.

A line is a JSON object. In: `{"id", "messages", "max_tokens", "sampling", "schema", "logprobs", "seed"}`, or
`{"id", "cancel": true}`. Out: first `{"ready": true, "note": words or null}`, then `{"id", "reply"}` or
`{"id", "failed": words}`;
`{"broken": {"code", "message", "where", "hint"}}` is the last line where nothing can be answered any more.
The process ends when stdin does.
"""

from __future__ import annotations

import argparse
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from synth.errors import SynthError, UnreachableError
from synth.llm.base import Json, Reply, RequestFailed, TokenChoice, Usage
from synth.llm.chat_completions import write_reply
from synth.llm.embedded.gguf_header import read_facts
from synth.llm.embedded.openvino import (
    Loaded,
    generation_config,
    import_genai,
    last_line,
    load_pipeline,
    properties_for,
)

if TYPE_CHECKING:
    import openvino_genai

# The context length for a file that does not state one.
_USUAL_CONTEXT = 2048


@dataclass(slots=True)
class _Running:
    """A request in the batch: its input line, and its schema as text, or an empty one."""

    line: Json
    handle: openvino_genai.GenerationHandle
    prompt_tokens: int
    schema: bytes

    @property
    def id(self) -> int:
        return int(self.line["id"])


class OpenVinoWorker:
    """Runs one continuous batch, which requests can join and leave at every step."""

    def __init__(
        self,
        load: Callable[[], Loaded],
        *,
        context: int,
        name: str,
        out: BinaryIO,
    ) -> None:
        self._load = load
        self._context = context
        self._name = name
        self._out = out
        self._genai = import_genai()
        loaded = load()
        self._pipeline = loaded.pipeline
        self._note = loaded.note
        self._tokenizer = self._pipeline.get_tokenizer()
        self._running: dict[int, _Running] = {}
        # Requests that have not completed a step. If a step fails, only these can be the reason.
        self._new: list[_Running] = []
        self._number = 0
        self._sound_schemas: set[bytes] = {b""}
        self._broken_schemas: dict[bytes, str] = {}

    def run(self, lines: queue.SimpleQueue[Json | None]) -> None:
        """Works until `None` arrives. Raises `UnreachableError` if the library fails permanently."""
        self._say({"ready": True, "note": self._note})
        while True:
            busy = self._pipeline.has_non_finished_requests()
            while not busy or not lines.empty():
                line = lines.get()
                if line is None:
                    return
                self._take(line)
                busy = True
                if self._new and self._new[-1].schema not in self._sound_schemas:
                    # At most one new schema per step, so that a failure can be assigned to it.
                    break
            if self._pipeline.has_non_finished_requests():
                self._step()
                self._hand_over()

    def _take(self, line: Json) -> None:
        if line.get("cancel"):
            if running := self._running.pop(line["id"], None):
                running.handle.cancel()
            return
        try:
            self._add(line)
        except RequestFailed as failed:
            self._say({"id": line["id"], "failed": failed.words})
        except (RuntimeError, ValueError, TypeError) as error:
            # The bindings raise these for a request that they refuse.
            self._say({"id": line["id"], "failed": f"the embedded model refuses this: {last_line(error)}"})

    def _add(self, line: Json) -> None:
        """Adds a request to the batch. Raises `RequestFailed` if its prompt is too long."""
        schema = b"" if line["schema"] is None else orjson.dumps(line["schema"], option=orjson.OPT_SORT_KEYS)
        if schema in self._broken_schemas:
            raise RequestFailed(self._broken_schemas[schema])
        text = self._tokenizer.apply_chat_template(line["messages"], add_generation_prompt=True)
        tokens = self._tokenizer.encode(text, add_special_tokens=False).input_ids
        length = int(tokens.shape[1])
        if length >= self._context:
            # The tokenizer truncates at this length, so the real number of tokens is unknown.
            raise RequestFailed(
                f"the prompt is longer than the embedded model takes: {self._context} tokens with the answer."
            )
        config = generation_config(line, min(line["max_tokens"], self._context - length))
        self._number += 1
        running = _Running(line, self._pipeline.add_request(self._number, tokens, config), length, schema)
        self._running[running.id] = running
        self._new.append(running)

    def _step(self) -> None:
        try:
            self._pipeline.step()
        except RuntimeError as error:
            unknown = {one.schema for one in self._new} - self._sound_schemas
            if not unknown:
                raise UnreachableError(f"the embedded model failed: {last_line(error)}") from error
            words = f"the embedded model does not support this JSON schema: {last_line(error)}"
            self._broken_schemas.update(dict.fromkeys(unknown, words))
            self._start_again()
        else:
            self._sound_schemas.update(one.schema for one in self._new)
            self._new.clear()

    def _start_again(self) -> None:
        """Reloads the model and restarts the requests in its batch.

        The library refuses an unsupported schema in the middle of a step, which leaves its scheduler
        unusable.
        """
        lines = [one.line for one in self._running.values()]
        self._running.clear()
        self._new.clear()
        self._pipeline = self._load().pipeline
        for line in lines:
            self._take(line)

    def _hand_over(self) -> None:
        still = self._genai.GenerationStatus.RUNNING
        ended = [one for one in self._running.values() if one.handle.get_status() != still]
        for one in ended:
            del self._running[one.id]
            if one.handle.get_status() == self._genai.GenerationStatus.IGNORED:
                self._say(
                    {"id": one.id, "failed": "the embedded model's cache has no room for this request."}
                )
            else:
                self._say({"id": one.id, "reply": orjson.Fragment(write_reply(self._reply(one)))})

    def _reply(self, one: _Running) -> Reply:
        output = one.handle.read_all()[0]
        ids = output.generated_ids
        cut = output.finish_reason == self._genai.GenerationFinishReason.LENGTH
        chosen: tuple[TokenChoice, ...] = ()
        if one.line["logprobs"]:
            words = self._tokenizer.decode([[token] for token in ids])
            chosen = tuple(map(TokenChoice, words, output.generated_log_probs))
        return Reply(
            text=self._tokenizer.decode(ids),
            finish="length" if cut else "stop",
            usage=Usage(one.prompt_tokens, len(ids)),
            logprobs=chosen,
            model=self._name,
        )

    def _say(self, line: Json) -> None:
        _write(self._out, line)


def _write(out: BinaryIO, line: Json) -> None:
    out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    out.flush()


def _read_lines(lines: queue.SimpleQueue[Any]) -> None:
    for line in sys.stdin.buffer:
        lines.put(orjson.loads(line))
    lines.put(None)


def _private_stdout() -> BinaryIO:
    """The real stdout. From now on, everything that the library prints goes to stderr."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def main() -> None:
    """`python -m synth.llm.embedded.worker FILE --cache-gib N --sequences N [--fastest]`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--cache-gib", type=int, required=True)
    parser.add_argument("--sequences", type=int, required=True)
    parser.add_argument("--fastest", action="store_true", help="replies may depend on the batch")
    given = parser.parse_args()
    # Ctrl-C reaches every process of the terminal. The parent process decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = _private_stdout()
    lines: queue.SimpleQueue[Json | None] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(lines,), daemon=True).start()
    try:
        facts = read_facts(given.file)
        load = partial(
            load_pipeline,
            given.file,
            facts.architecture,
            cache_gib=given.cache_gib,
            sequences=given.sequences,
            properties=properties_for(batch_invariant=not given.fastest),
        )
        context = facts.context or _USUAL_CONTEXT
        OpenVinoWorker(load, context=context, name=given.file.stem, out=out).run(lines)
    except SynthError as error:
        words = {"code": error.code, "message": error.message, "where": error.where, "hint": error.hint}
        _write(out, {"broken": words})
    except BrokenPipeError:
        # The parent process is gone, so there is no reader for an error.
        return


if __name__ == "__main__":
    main()
