"""Says at the start of a run which checks do not apply to the language of its seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from synth.recipe.model import Recipe
from synth.stages.source_items import Seed
from synth.text.languages import LANGUAGE_NAMES, UNKNOWN, language_of
from synth.text.lexicon import LANGUAGES, MARKED
from synth.text.standardise.chatter import SPOKEN

# A language with a smaller share of the seeds is not mentioned.
_LEAST_SHARE: Final = 0.1
_MOST_READ: Final = 1000  # seeds

_NAMES: Final = {**LANGUAGE_NAMES, UNKNOWN: "a language that no check knows"}

# For each kind of stage: what a check looks for, and the languages in which it finds it.
_CHECKS: Final[dict[str, tuple[tuple[str, frozenset[str]], ...]]] = {
    "generate": (("the default `keywords`, which are English", frozenset({"en"})),),
    "paraphrase": (
        ("changed negations and numbers in words", frozenset((*LANGUAGES, *MARKED))),
        ("changed names (only those in Latin letters and with a title are found)", frozenset(LANGUAGES)),
        ("swapped roles, changed tenses and conditions", frozenset({"en"})),
        ("the default bounds of `similarity`", frozenset({"en"})),
    ),
    "backtranslate": (
        ("references to a text that the request does not include", frozenset((*LANGUAGES, *MARKED))),
    ),
    "standardise": (("preambles and closers", frozenset(SPOKEN)),),
}


def language_warnings(recipe: Recipe, seeds: Sequence[Seed]) -> Iterator[str]:
    """One message for each language that is common in the seeds and that a check of the recipe's stages does
    not know.
    """
    texts = [seed.row.conversation.last_request for seed in seeds[:_MOST_READ]]
    kinds = dict.fromkeys(stage.kind for stage in recipe.stages)
    for language, count in Counter(map(language_of, texts)).most_common():
        if count < _LEAST_SHARE * len(texts):
            continue
        missing = [
            f"{kind}: {', '.join(what)}"
            for kind in kinds
            if (what := [name for name, known in _CHECKS.get(kind, ()) if language not in known])
        ]
        if missing:
            name = _NAMES.get(language, f"the language {language!r}")
            yield (
                f"WARNING: {count / len(texts):.0%} of the seeds are in {name}. These checks do not apply to"
                f" them: {'; '.join(missing)}. Let a judge that knows the language check the rows"
                " (`ask_judge`, `score`), and review a sample."
            )
