"""The numbers of `synth run --json`: rows of the folder, requests of this call, `total` of all calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from synth.llm.base import Json, Usage
from synth.llm.budget import usd
from synth.llm.model import Model
from synth.recipe.base import Price
from synth.store import ModelUse, RunReader


def row_counts(reader: RunReader) -> Json:
    """Drafts by status, and drops by stage and reason."""
    counts = reader.counts()
    carried = {"carried": counts["carried"]} if counts.get("carried") else {}
    return {
        "run": str(reader.folder.path),
        "accepted": counts.get("kept", 0),
        "dropped": reader.drops(),
        "failed": counts.get("failed", 0),
        "pending": counts.get("pending", 0),
        **carried,
    }


def request_counts(
    uses: Sequence[ModelUse], models: Sequence[Model], before: Sequence[ModelUse] = ()
) -> Json:
    """Requests, tokens and cost from the journal, without those of `before`."""
    earlier = {use.model: use for use in before}
    requests = prompt = completion = 0
    cost = 0.0
    for use in uses:
        then = earlier.get(use.model, ModelUse(use.model, 0, Usage()))
        now = Usage(use.usage.prompt - then.usage.prompt, use.usage.completion - then.usage.completion)
        requests += use.requests - then.requests
        prompt += now.prompt
        completion += now.completion
        cost += usd(price_of(use.model, models), now)
    priced = any(model.config.price for model in models)
    return {
        "requests": requests,
        "tokens": {"prompt": prompt, "completion": completion},
        "cost_usd": round(cost, 6) if priced else None,
    }


def price_of(model: str, models: Iterable[Model]) -> Price | None:
    """The recipe's price of a model, by its name on the server."""
    return next((m.config.price for m in models if m.client.model == model and m.config.price), None)
