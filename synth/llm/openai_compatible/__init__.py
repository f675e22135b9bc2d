"""The provider `endpoint`: any OpenAI-compatible server, or a pool of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from synth.errors import UnreachableError
from synth.llm.base import Client
from synth.llm.providers import BuildContext, HealthCheck, Provider
from synth.recipe.api_keys import check_address, model_key
from synth.recipe.base import ModelConfig, Positive, Strict


class EndpointLimits(Strict):
    """Limits of a hosted provider. Your own servers need none."""

    requests_per_minute: Positive | None = Field(default=None, description="Maximum requests per minute.")
    tokens_per_minute: Positive | None = Field(default=None, description="Maximum tokens per minute.")
    reply_bytes: Positive | None = Field(
        default=None,
        description="Maximum bytes of one reply; a longer reply fails its row. Default: 1 MiB plus 64 bytes "
        "per token of max_tokens (2,752 bytes with log-probabilities).",
    )


class EndpointConfig(ModelConfig):
    """Any OpenAI-compatible server; several `base_url`s make a pool."""

    provider: Literal["endpoint"] = Field(default="endpoint", description="What runs the model.")
    model: str = Field(description="The name of the model on the server.")
    base_url: str | list[str] = Field(description="The URL of the server, or a list of URLs for a pool.")
    api_key_env: str | None = Field(
        default=None, description="The name of the environment variable with the key; never the key itself."
    )
    extra_body: dict[str, Any] = Field(
        default_factory=dict, description="Further keys of each request. They reach the server unchanged."
    )
    limits: EndpointLimits = Field(
        default_factory=EndpointLimits, description="Limits of a provider. Your own servers need none."
    )
    send_seed: bool = Field(
        default=False, description="Send a per-request seed. Off by default: it crashes vLLM's CPU build."
    )
    give_up_after: Annotated[float, Field(gt=0, le=1e6)] = Field(
        default=60.0, description="Seconds without any reply after which the servers count as gone."
    )
    context: Positive | None = Field(default=None, description="Maximum tokens of prompt and reply together.")

    @field_validator("base_url")
    @classmethod
    def _urls(cls, value: str | list[str]) -> str | list[str]:
        urls = [value] if isinstance(value, str) else value
        if not urls:
            raise ValueError("names no server")
        for url in urls:
            check_address(url)
        return value

    @field_validator("api_key_env")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        if value is not None and not value.replace("_", "a").isalnum():
            raise ValueError("must be the name of an environment variable, not a key")
        return value

    billed: ClassVar[bool] = True

    @property
    def base_urls(self) -> list[str]:
        """All servers of the pool."""
        return [self.base_url] if isinstance(self.base_url, str) else list(self.base_url)

    @property
    def key_variable(self) -> str | None:
        """`api_key_env`."""
        return self.api_key_env

    @property
    def token_limit(self) -> int | None:
        """`context`."""
        return self.context

    @property
    def request_body(self) -> Mapping[str, Any]:
        """`extra_body`."""
        return self.extra_body


def build(models: Mapping[str, EndpointConfig], context: BuildContext) -> Mapping[str, Client]:
    """One client per model. Raises `UnreachableError` if a key's variable is not set."""
    from synth.llm.openai_compatible.client import EndpointClient

    return {
        name: EndpointClient(
            config.model,
            config.base_urls,
            api_key=model_key(name, config),
            send_seed=config.send_seed,
            give_up_after=config.give_up_after,
            requests_per_minute=config.limits.requests_per_minute,
            tokens_per_minute=config.limits.tokens_per_minute,
            reply_bytes=config.limits.reply_bytes,
        )
        for name, config in models.items()
    }


def check(name: str, config: EndpointConfig, folder: Path) -> Sequence[HealthCheck]:
    """Checks that each server offers the model."""
    return [HealthCheck(partial(_is_offered, name, config, url), f"at {url}") for url in config.base_urls]


async def _is_offered(name: str, config: EndpointConfig, url: str) -> str:
    from synth.llm.openai_compatible.model_list import served_models

    models = await served_models(url, model_key(name, config))
    if config.model not in models:
        raise UnreachableError(f"does not offer {config.model!r}.", hint=f"It offers {', '.join(models)}.")
    return f"offers {config.model}"


PROVIDER = Provider(EndpointConfig, build, check)
