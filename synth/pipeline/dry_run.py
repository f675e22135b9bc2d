"""`--dry-run`: the first prompts as they would be sent, and what the whole run may take. Calls nobody."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synth.llm.base import Json
from synth.pipeline.ahead import look_ahead
from synth.pipeline.given import read_given
from synth.pipeline.progress import Progress
from synth.pipeline.run import run_recipe
from synth.recipe.load import load_recipe
from synth.recipe.model import FakeModel, Recipe
from synth.store import RunFolder
from synth.store.journal import read_records

# Rows of each source that are carried through for a look.
_SAMPLE = 3

# English text under today's tokenizers; the numbers are said to be estimates.
_CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True)
class Plan:
    """What a run would ask. Tokens are estimates: of the prompts by their length, of answers at most."""

    prompts: list[list[Json]]
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None

    def document(self) -> Json:
        """As `--dry-run --json` says it."""
        return {
            "prompts": self.prompts,
            "requests": self.requests,
            "tokens": {"prompt": self.prompt_tokens, "completion": self.completion_tokens},
            "cost_usd": self.cost_usd,
        }

    def words(self) -> str:
        """The estimate in one line."""
        cost = f", at most {self.cost_usd:.2f} usd" if self.cost_usd is not None else ""
        return (
            f"At least {self.requests:,} requests: about {self.prompt_tokens:,} tokens of prompts and up to"
            f" {self.completion_tokens:,} of answers{cost}. Nothing was called."
        )


async def dry_run(file: Path, settings: list[str], limit: int | None, out: Path | None = None) -> Plan:
    """Carries the first rows through the stages, with the fake model in every model's place.

    `out` is where the run itself would go; nothing is written there.
    """
    recipe = load_recipe(file, settings, limit)
    look_ahead(recipe, out or recipe.run_folder)
    sample = load_recipe(file, settings, min(limit or _SAMPLE, _SAMPLE))
    fakes = {name: FakeModel(sampling=model.sampling) for name, model in recipe.models.items()}
    # What the user wrote as code runs under `run` alone, and made-up answers would not pass a check.
    stages = tuple(stage for stage in sample.stages if stage.kind not in ("apply", "check"))
    changes = {"models": fakes, "target": None, "holdout": None, "stages": stages}
    stand_in = sample.model_copy(update=changes)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "run"
        await run_recipe(stand_in, trial, Progress())
        asked = [(orjson.loads(r.request), r.max_tokens) for _, r in read_records(RunFolder(trial).journal)]
    prompts = [request["messages"] for request, _ in asked]
    wanted = _requests(recipe)
    scale = wanted / max(len(asked), 1)
    prompt_tokens = int(sum(len(orjson.dumps(p)) for p in prompts) / _CHARACTERS_A_TOKEN * scale)
    completion_tokens = int(sum(most for _, most in asked) * scale)
    cost = _cost(recipe, prompt_tokens, completion_tokens)
    return Plan(_one_of_each(prompts), wanted, prompt_tokens, completion_tokens, cost)


def _one_of_each(prompts: list[list[Json]]) -> list[list[Json]]:
    """The first prompt of every kind: prompts of one stage begin with the same words."""
    first: dict[str, list[Json]] = {}
    for prompt in prompts:
        opening = prompt[0]["content"] if prompt[0]["role"] == "system" else ""
        first.setdefault(opening, prompt)
    return list(first.values())


def _requests(recipe: Recipe) -> int:
    """What every stage asks, if every draft is kept: each request of a chain for each row that comes."""
    given = read_given(recipe, lambda text: None)
    answered = len(given.seeds)
    prompts = sum(1 for _ in given.slots()) - len(given.seeds) - len(given.holdout)
    drafts = total = 0
    for stage in recipe.stages:
        options: Any = stage.options
        rows = drafts + answered + prompts
        made = asked = 0
        match stage.kind:
            case "topics":
                asked = 0 if options.taxonomy else -(-len(given.seeds) // options.shown)
            case "generate":
                made = asked = options.count
            case "backtranslate":
                passages = len(given.passages(options.shortest, options.longest)) // options.passages
                chain = 1 + options.rewrite + (options.keep is not None) + 2 * options.round_trip
                questions = options.mode == "questions"
                made = options.count or passages * (options.questions if questions else 1)
                asked = -(-made // options.questions) if questions else made * chain
            case "paraphrase":
                made = min(rows * options.variants, options.count or 2**31)
                asked = made * (1 + options.ask_judge)
            case "evolve":
                made = min(rows * options.variants, options.count or 2**31)
                asked = made * (2 + options.ask_judge)
            case "target_failures":
                made = options.count or len(given.failures) * (options.each + options.pairs)
                asked = made
            case "respond":
                asked = rows * options.n if options.n > 1 else prompts * (2 * options.turns - 1)
                answered, prompts = answered + prompts, 0
            case "score":
                asked = (rows - prompts) * (1 + options.swap)
        within = recipe.limit or 2**31
        drafts += min(made, within)
        total += asked if made <= within else -(-asked * within // made)
    return total


def _cost(recipe: Recipe, prompt: int, completion: int) -> float | None:
    prices = [model.price for model in recipe.models.values() if model.price]
    if not prices:
        return None
    dearest = max(prices, key=lambda price: price.prompt + price.completion)
    return round((prompt * dearest.prompt + completion * dearest.completion) / 1e6, 4)
