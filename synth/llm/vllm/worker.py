"""The process of a vLLM engine: reads requests from stdin, and writes answers to stdout.

It uses the protocol of `synth.llm.embedded.worker`. The Python of vLLM's environment runs it as a file.
`synth` may not be installed there, so this module imports nothing from it.

    python -P worker.py '{"model": "Qwen/Qwen3-8B", "max_model_len": 8192, ...}' [--send-seed]

The JSON object has vLLM's engine arguments. Requests are treated as by vLLM's server: with the model's chat
template, the recommended sampling of the model's authors as default, and the schema as a grammar.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, BinaryIO

JsonObject = dict[str, Any]

# The keys of `extra_body` for the chat template. The other keys are sampling parameters in vLLM's names.
_TEMPLATE_KEYS = frozenset({"chat_template_kwargs", "add_generation_prompt", "continue_final_message"})


class RefusedRequest(Exception):
    """A faulty request, which cannot be answered."""


class VllmWorker:
    """One engine. Each request is a task, and the engine batches them."""

    def __init__(
        self,
        engine: Any,
        tokenizer: Any,
        name: str,
        lines: asyncio.Queue[JsonObject | None],
        out: BinaryIO,
        *,
        send_seed: bool,
    ) -> None:
        self._engine = engine
        self._lines = lines
        self._name = name
        self._out = out
        self._send_seed = send_seed
        self._tokenizer = tokenizer
        config = engine.model_config
        self._context = int(config.max_model_len)
        self._usual = config.get_diff_sampling_param()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._refusals = _refusals()

    async def run(self) -> None:
        """Works until `None` arrives, or until no request can be answered any more."""
        self._say({"ready": True})
        while (line := await self._lines.get()) is not None:
            number = int(line["id"])
            if line.get("cancel"):
                if task := self._tasks.get(number):
                    task.cancel()
                continue
            task = self._tasks[number] = asyncio.create_task(self._answer(number, line))
            task.add_done_callback(partial(self._forget, number))
        for task in list(self._tasks.values()):
            task.cancel()

    def _forget(self, number: int, task: asyncio.Task[None]) -> None:
        del self._tasks[number]
        # An unexpected error must not leave the parent process waiting forever.
        if not task.cancelled() and (error := task.exception()) is not None:
            self._say_broken(f"vLLM failed: {error!r}")

    async def _answer(self, number: int, line: JsonObject) -> None:
        try:
            prompt = self._prompt(line)
            parameters = self._parameters(line, len(prompt))
        except self._refusals as error:
            self._say({"id": number, "failed": f"vLLM refuses this: {error}"})
            return
        from vllm.v1.engine.exceptions import EngineDeadError

        outputs = self._engine.generate({"prompt_token_ids": prompt}, parameters, str(number))
        try:
            # Only the final output is requested, so there is exactly one.
            (output,) = [output async for output in outputs]
        except EngineDeadError as error:
            self._say_broken(f"vLLM's engine died: {error}")
            return
        except self._refusals as error:
            # The schema has no grammar, or the engine refuses the parameters.
            self._say({"id": number, "failed": f"vLLM refuses this: {error.__cause__ or error}"})
            return
        self._say({"id": number, "reply": self._reply(output, line)})

    def _prompt(self, line: JsonObject) -> list[int]:
        """The tokens of the prompt. Raises `RefusedRequest` if they leave no room for an answer."""
        template = dict(line["extra_body"].get("chat_template_kwargs") or {})
        for key in _TEMPLATE_KEYS & line["extra_body"].keys() - {"chat_template_kwargs"}:
            template[key] = line["extra_body"][key]
        text = self._tokenizer.apply_chat_template(
            line["messages"], **{"add_generation_prompt": True, **template, "tokenize": False}
        )
        # The chat template has already added the special tokens.
        tokens = self._tokenizer.encode(text, add_special_tokens=False)
        if len(tokens) >= self._context:
            raise RefusedRequest(
                f"the prompt has {len(tokens)} tokens, and the model takes {self._context} in all"
            )
        return list(tokens)

    def _parameters(self, line: JsonObject, prompt: int) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        extra = {key: value for key, value in line["extra_body"].items() if key not in _TEMPLATE_KEYS}
        wanted = {**self._usual, **line["sampling"], **extra}
        most = min(line["max_tokens"], self._context - prompt, self._usual.get("max_tokens", self._context))
        wanted |= {"max_tokens": most, "output_kind": RequestOutputKind.FINAL_ONLY}
        if line["logprobs"]:
            wanted["logprobs"] = line["logprobs"]
        if line["schema"] is not None:
            wanted["structured_outputs"] = StructuredOutputsParams(json=line["schema"])
        if self._send_seed:
            wanted["seed"] = line["seed"]
        return SamplingParams(**wanted)

    def _reply(self, output: Any, line: JsonObject) -> JsonObject:
        """The answer in the format of vLLM's server."""
        (done,) = output.outputs
        choice: JsonObject = {
            "index": 0,
            "message": {"role": "assistant", "content": done.text},
            "finish_reason": done.finish_reason,
        }
        if line["logprobs"] and done.logprobs:
            choice["logprobs"] = {"content": self._choices(done.token_ids, done.logprobs, line["logprobs"])}
        prompt, completion = len(output.prompt_token_ids), len(done.token_ids)
        usage: JsonObject = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": output.num_cached_tokens or 0},
        }
        return {"object": "chat.completion", "model": self._name, "choices": [choice], "usage": usage}

    def _choices(
        self, tokens: Sequence[int], steps: Sequence[Mapping[int, Any]], most: int
    ) -> list[JsonObject]:
        choices = []
        for token, step in zip(tokens, steps, strict=True):
            # If the chosen token is not among the most likely ones, it is listed after them.
            top = sorted(step.values(), key=lambda one: one.rank)[:most]
            choices.append({**_of(step[token]), "top_logprobs": [_of(one) for one in top]})
        return choices

    def _say_broken(self, message: str) -> None:
        """Writes the last line. The process then ends, and the parent raises an error for all waiting
        requests.
        """
        _write(self._out, _broken(message, self._name))
        self._lines.put_nowait(None)

    def _say(self, line: JsonObject) -> None:
        _write(self._out, line)


def _refusals() -> tuple[type[Exception], ...]:
    """The exceptions of vLLM for a faulty request. Newer versions have a special class for it."""
    from vllm import exceptions
    from vllm.v1.engine.exceptions import EngineGenerateError

    theirs = getattr(exceptions, "VLLMClientError", ValueError)
    return (RefusedRequest, TypeError, ValueError, theirs, EngineGenerateError)


def _of(one: Any) -> JsonObject:
    # JSON has no infinity. vLLM's server writes -9999, too.
    return {"token": one.decoded_token, "logprob": max(one.logprob, -9999.0)}


def _broken(message: str, where: str) -> JsonObject:
    hint = "If memory ran out, set a smaller `context`, or use a smaller model."
    return {"broken": {"code": "unreachable", "message": message, "where": where, "hint": hint}}


def _write(out: BinaryIO, line: JsonObject) -> None:
    out.write(json.dumps(line).encode() + b"\n")
    out.flush()


async def _read_lines(lines: asyncio.Queue[JsonObject | None]) -> None:
    reader = asyncio.StreamReader(limit=2**26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    async for line in reader:
        lines.put_nowait(json.loads(line))
    lines.put_nowait(None)


async def _work(arguments: JsonObject, out: BinaryIO, *, send_seed: bool) -> None:
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    engine = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
    try:
        lines: asyncio.Queue[JsonObject | None] = asyncio.Queue()
        reading = asyncio.create_task(_read_lines(lines))
        name = arguments.get("served_model_name") or arguments["model"]
        tokenizer = engine.get_tokenizer()
        if inspect.isawaitable(tokenizer):  # in older versions
            tokenizer = await tokenizer
        await VllmWorker(engine, tokenizer, name, lines, out, send_seed=send_seed).run()
        reading.cancel()
    finally:
        engine.shutdown()


def main() -> None:
    """Reads the command line, and works until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("arguments", type=json.loads)
    parser.add_argument("--send-seed", action="store_true")
    given = parser.parse_args()
    # Ctrl-C reaches every process of the terminal's group, and vLLM's processes would end at once. The parent
    # process decides what to do instead.
    os.setpgrp()
    # The real stdout. From now on, everything that the library prints goes to stderr.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        asyncio.run(_work(given.arguments, out, send_seed=given.send_seed))
    except BrokenPipeError:
        # The parent process is gone, so there is no reader for an error.
        return
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        # vLLM raises these for a model that it cannot load, or for unknown arguments.
        said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        _write(out, _broken(f"vLLM cannot run this model: {said}", given.arguments["model"]))


if __name__ == "__main__":
    main()
