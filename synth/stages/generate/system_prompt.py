"""The one system prompt of all drafts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from synth.stages.source_items import Seed


def system_prompt(
    name: str, given: str | None, seeds: Sequence[Seed], warn: Callable[[str], None]
) -> str | None:
    """The recipe's system prompt, else the most frequent one of the seeds. Warns if the seeds mix several.

    A model in production works under one system prompt, so rows with different ones would train it wrongly.
    """
    if given is not None:
        return given or None
    found = Counter(seed.row.conversation.system for seed in seeds)
    prompts = sorted((text for text in found if text), key=lambda text: (-found[text], text))
    if not prompts:
        return None
    if len(found) > 1:
        counts = [f"{found[text]} have {text[:60]!r}" for text in prompts[:3]]
        counts += [f"{sum(found[text] for text in prompts[3:])} have others"] if len(prompts) > 3 else []
        counts += [f"{found[None]} have none"] if found[None] else []
        warn(
            f"{name}: the seeds mix system prompts ({', '.join(counts)}). All drafts get the first of these."
            f" Set `{name}: {{system: ...}}` to the one that the assistant has in production."
        )
    return prompts[0]
