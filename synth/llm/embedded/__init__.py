"""The provider `embedded`: a small model on this machine's CPU, without key, GPU or server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field

from synth.errors import UnreachableError
from synth.llm.base import Client, Request, RequestFailed
from synth.llm.providers import BuildContext, HealthCheck, Provider
from synth.recipe.base import ModelConfig

_WORD_TOKENS = 8


class EmbeddedConfig(ModelConfig):
    """A small model on this machine: no key, no GPU, no server."""

    provider: Literal["embedded"] = Field(default="embedded", description="What runs the model.")
    model: str = Field(
        default="smollm2-135m-instruct",
        description="The name of a model, a GGUF file, or hf:OWNER/REPO/FILE.",
    )
    batch_invariant: bool = Field(
        default=True,
        description="Replies do not depend on the other requests in the batch. "
        "`false` is up to twice as fast on CPUs with bfloat16 instructions.",
    )


def build(models: Mapping[str, EmbeddedConfig], context: BuildContext) -> Mapping[str, Client]:
    """A client for each model."""
    from synth.llm.embedded.client import EmbeddedClient

    return {
        name: EmbeddedClient(
            config.model, folder=context.folder, batch_invariant=config.batch_invariant, say=context.say
        )
        for name, config in models.items()
    }


def check(name: str, config: EmbeddedConfig, folder: Path) -> Sequence[HealthCheck]:
    """Loads the model and requests one word: a model file that exists may still not run on this CPU."""
    return [HealthCheck(partial(_loads_and_answers, config, folder))]


async def _loads_and_answers(config: EmbeddedConfig, folder: Path) -> str:
    from synth.llm.embedded.download import find_model

    notes: list[str] = []
    client = build({"": config}, BuildContext(folder, 0, notes.append))[""]
    started = time.monotonic()
    word = await _one_word(client)
    seconds = time.monotonic() - started
    words = f"{find_model(config.model, folder)} loads and answers in {seconds:.0f} s: {word!r}"
    return ". ".join([words, *notes])


async def _one_word(client: Client) -> str:
    request = Request(
        [{"role": "user", "content": "Answer with one word: what colour is the sky?"}],
        client.model,
        _WORD_TOKENS,
        {"temperature": 0},
    )
    try:
        await client.open()
        return client.read(await client.ask(request)).text.strip()
    except RequestFailed as failed:
        raise UnreachableError(failed.words) from None
    finally:
        await client.close()


PROVIDER = Provider(EmbeddedConfig, build, check)
