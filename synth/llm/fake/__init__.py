"""The provider `fake`: scripted or made-up replies, for demonstrations and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from synth.llm.base import Client
from synth.llm.providers import BuildContext, HealthCheck, Provider
from synth.recipe.base import ModelConfig, Share


class FakeConfig(ModelConfig):
    """Scripted or generated replies, with delays and faults, for demonstrations and tests."""

    provider: Literal["fake"] = Field(default="fake", description="What runs the model.")
    model: str = Field(default="fake", description="A name for the model.")
    script: Path | None = Field(
        default=None, description="A JSONL file of replies: `{match, text | replies, finish?, error?}`."
    )
    delay: Annotated[float, Field(ge=0, le=3600)] = Field(default=0.0, description="Mean seconds per reply.")
    fail: Share = Field(default=0.0, description="Share of requests that fail.")
    cut: Share = Field(default=0.0, description="Share of replies that are cut.")
    broken: Share = Field(default=0.0, description="Share of replies with half of their text.")


def build(models: Mapping[str, FakeConfig], context: BuildContext) -> Mapping[str, Client]:
    """A client for each model."""
    from synth.llm.fake.client import FakeClient, FakeFaults

    return {
        name: FakeClient(
            config.model,
            script=context.folder / config.script if config.script else None,
            delay=config.delay,
            seed=context.seed,
            faults=FakeFaults(fail=config.fail, cut=config.cut, broken=config.broken),
        )
        for name, config in models.items()
    }


def check(name: str, config: FakeConfig, folder: Path) -> Sequence[HealthCheck]:
    """Always succeeds: the fake model needs nothing."""
    return [HealthCheck(_always_there)]


async def _always_there() -> str:
    return "the fake model is always available"


PROVIDER = Provider(FakeConfig, build, check)
