"""The provider `vllm` (vLLM's engine without a server), and `synth serve` (vLLM's server).

Finds the user's vLLM, starts it for a recipe, and calculates whether models fit into the GPU's memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from synth.llm.base import Client
from synth.llm.providers import BuildContext, HealthCheck, Provider
from synth.recipe.base import ModelConfig, Positive


class VllmConfig(ModelConfig):
    """vLLM's engine without a server: batch generation on your own GPU."""

    provider: Literal["vllm"] = Field(default="vllm", description="What runs the model.")
    model: str = Field(description="The name of a model on the hub, or a folder relative to the recipe.")
    context: Positive | None = Field(
        default=None,
        description="Maximum tokens of prompt and reply together; the model's own by default.",
    )
    extra_body: dict[str, Any] = Field(
        default_factory=dict, description="Further keys of each request, for example `chat_template_kwargs`."
    )
    engine: dict[str, Any] = Field(
        default_factory=dict, description="vLLM's engine arguments, for example `{tensor_parallel_size: 2}`."
    )
    send_seed: bool = Field(
        default=False, description="Send a per-request seed. Off by default: it crashes the CPU build."
    )

    @property
    def token_limit(self) -> int | None:
        """`context`."""
        return self.context

    @property
    def request_body(self) -> Mapping[str, Any]:
        """`extra_body`."""
        return self.extra_body


def build(models: Mapping[str, VllmConfig], context: BuildContext) -> Mapping[str, Client]:
    """One client per model. Equal models share an engine."""
    from synth.llm.vllm.engines import build_engines

    return build_engines(models, context)


def check(name: str, config: VllmConfig, folder: Path) -> Sequence[HealthCheck]:
    """Checks vLLM and the model's files, without loading the model."""
    return [HealthCheck(partial(_is_installed, config, folder))]


async def _is_installed(config: VllmConfig, folder: Path) -> str:
    from synth.llm.vllm.fit import find_folder
    from synth.llm.vllm.install import find_vllm
    from synth.llm.vllm.plan import model_to_load

    vllm = find_vllm()
    found = find_folder(model_to_load(config.model, folder))
    where = f"{config.model} is in {found}" if found else f"{config.model} will be fetched from the hub"
    return f"vLLM {vllm.version} in {vllm.python}; {where}"


PROVIDER = Provider(VllmConfig, build, check)
