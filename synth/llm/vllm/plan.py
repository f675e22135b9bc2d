"""Plans the vLLM servers for a recipe: the model, address and flags of each."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from synth.errors import InputError
from synth.recipe.base import ModelConfig
from synth.recipe.model import Recipe

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8000

# Concurrent sequences in the batch. Answers are short and no user waits for the first token, so it can be
# large. On a CPU a larger batch is only slower.
_SEQUENCES, _SEQUENCES_CPU = 512, 64
# The prefix cache works in whole blocks of tokens. The CPU build's 128 would lose 64 shared tokens on
# average,
# half of a short rubric. 32 is the minimum of its attention kernel; on a GPU it is 16.
_BLOCK_CPU = 32
# The CPU flags for bfloat16 multiplication, on x86 and Arm.
_BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16", " bf16")
_KEY_VARIABLE = "VLLM_API_KEY"


@dataclass(frozen=True)
class ServerPlan:
    """One server to start.

    `names` are its models in the recipe, `model` is what vLLM loads (a name on the hub or a folder), and
    `served` is the model's name in requests.
    """

    model: str
    served: str
    host: str = LOOPBACK
    port: int = DEFAULT_PORT
    names: tuple[str, ...] = ()
    api_key: str | None = field(default=None, repr=False)
    context: int | None = None

    @property
    def url(self) -> str:
        """The `base_url` for clients on this machine."""
        host = LOOPBACK if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    def flags(self, *, cpu: bool, gpu_share: float | None = None, extra: Sequence[str] = ()) -> list[str]:
        """vLLM's flags for batch generation.

        `extra` are the user's flags, which come last and override the others. `gpu_share` is the server's
        share of the GPU's memory, if it shares the GPU.
        """
        flags = ["--served-model-name", self.served, "--host", self.host, "--port", str(self.port)]
        for name, value in batch_arguments(cpu=cpu).items():
            flag = f"--{name.replace('_', '-')}"
            flags += [flag] if value is True else [flag, str(value)]
        # A log line per request costs CPU time, and has no information that the run folder lacks.
        flags += ["--disable-uvicorn-access-log"]
        if self.context is not None:
            flags += ["--max-model-len", str(self.context)]
        if gpu_share is not None:
            flags += ["--gpu-memory-utilization", f"{gpu_share:.2f}"]
        return [*flags, *extra]

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables, with the key, because every user of the machine can read a command
        line.
        """
        return {_KEY_VARIABLE: self.api_key} if self.api_key else {}


def plan_servers(
    recipe: Recipe, keys: Mapping[str, str | None], named: str | None, *, host: str | None, port: int | None
) -> list[ServerPlan]:
    """The servers for a recipe's endpoints on this machine: one per address and model.

    `named` selects one of the recipe's models. `host` and `port` replace those of its `base_url`. Raises
    `InputError` if there is nothing to start, or if two models share an address.
    """
    names = _endpoints(recipe, named)
    plans: dict[int, ServerPlan] = {}
    for name in names:
        config = recipe.models[name]
        for at in [port] if port else _ports(name, config, anywhere=host is not None):
            there = plans.get(at)
            if there is not None and there.served != config.model:
                raise InputError(
                    f"{there.served!r} and {config.model!r} cannot both be served at port {at}.",
                    where=f"models.{name}.base_url",
                    hint="Give each model a separate port, or start only one with --model NAME.",
                )
            plans[at] = ServerPlan(
                model=model_to_load(config.model, recipe.folder),
                served=config.model,
                host=host or LOOPBACK,
                port=at,
                names=(*(there.names if there else ()), name),
                api_key=keys.get(name),
                context=config.token_limit,
            )
    return list(plans.values())


def plan_model(model: str, *, host: str | None, port: int | None) -> ServerPlan:
    """A server for a model that is not in a recipe."""
    return ServerPlan(model_to_load(model, Path()), model, host or LOOPBACK, port or DEFAULT_PORT)


def _endpoints(recipe: Recipe, named: str | None) -> list[str]:
    every = [name for name, config in recipe.models.items() if config.base_urls]
    if named is None:
        if every:
            return every
        raise InputError(
            "this recipe has no model with a base_url: there is nothing to serve.",
            where="models",
            hint="Give a model a `model` and `base_url: http://localhost:8000/v1`.",
        )
    if named not in every:
        hint = f"Models with a base_url: {', '.join(every)}." if every else "None of its models has one."
        raise InputError(
            f"{named!r} is not a model with a base_url in this recipe.", where="--model", hint=hint
        )
    return [named]


def _ports(name: str, config: ModelConfig, *, anywhere: bool) -> list[int]:
    """The ports of the base_urls on this machine. With `anywhere`, the port of the first one, which may be
    this machine.
    """
    urls = [urlsplit(url) for url in config.base_urls]
    here = [url for url in urls if _is_loopback(url.hostname)] or (urls[:1] if anywhere else [])
    if not here:
        raise InputError(
            f"no base_url is on this machine: {', '.join(config.base_urls)}.",
            where=f"models.{name}.base_url",
            hint="Run `synth serve` on that machine with --host and an address that others can reach.",
        )
    return [url.port or 80 for url in here]


def _is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_open_to_a_network(plans: Iterable[ServerPlan]) -> bool:
    """Whether other machines can send requests."""
    return any(not _is_loopback(plan.host) for plan in plans)


def batch_arguments(*, cpu: bool) -> dict[str, Any]:
    """vLLM's engine arguments for batch generation."""
    arguments: dict[str, Any] = {
        "enable_prefix_caching": True,
        "max_num_seqs": _SEQUENCES_CPU if cpu else _SEQUENCES,
    }
    if cpu:
        arguments["block_size"] = _BLOCK_CPU
        if not _multiplies_bfloat16():
            arguments["dtype"] = "float32"
    return arguments


def _multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16. Without them, bfloat16 models (most models) run many
    times slower than in float32.
    """
    try:
        known = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return True
    return any(flag in known for flag in _BFLOAT16_FLAGS)


def model_to_load(model: str, folder: Path) -> str:
    """The absolute path of a folder relative to the recipe, or an unchanged name on the hub."""
    beside = (folder / Path(model).expanduser()).resolve()
    return str(beside) if beside.is_dir() else model
