"""The recipe's options of `paraphrase`."""

from __future__ import annotations

from pydantic import Field, model_validator

from synth.recipe.base import (
    JUDGE,
    JUDGE_SAMPLING,
    PARENTS,
    AskingOptions,
    Positive,
    Sampling,
    Share,
)
from synth.stages.paraphrase.reasons import ParaphraseAction, ParaphraseReason
from synth.stages.reply_reasons import OBJECT_REPLY
from synth.text.paraphrase_checks.reasons import MeaningReason

# The bounds of the similarity of two English requests.
SIMILARITY = (0.4, 0.98)

# The styles by their names in recipes.
STYLES = {
    "formal": "in formal, complete sentences",
    "casual": "as somebody types it in a chat, informally and without polish",
    "short": "as briefly as a user in a hurry would, without losing a condition or a detail",
    "long": "in two or three sentences, without new facts",
    "order": "with its parts in another order and another sentence structure",
    "keywords": "as the keywords that somebody would type into a search box",
    "typos": "with two or three typing errors in ordinary words, but none in names, numbers or code",
}


class ParaphraseOptions(AskingOptions):
    """Rewords requests and keeps their answers (SQLCoder2)."""

    usual_sampling = Sampling(temperature=0.9, top_p=0.95)
    shares_answer = True
    reasons = (*MeaningReason, *ParaphraseReason, *OBJECT_REPLY)
    actions = tuple(ParaphraseAction)

    from_: tuple[str, ...] | None = Field(default=None, alias="from", description=PARENTS)
    variants: Positive = Field(default=2, description="Number of paraphrases of each row.")
    count: Positive | None = Field(
        default=None, description="Maximum number of paraphrases to keep. Default: no maximum."
    )
    styles: tuple[str, ...] = Field(
        default=("formal", "casual", "short", "order", "long"),
        description="Styles to use, in turn: formal, casual, short, long, order, keywords, typos, or your "
        "own words.",
    )
    languages: tuple[str, ...] = Field(
        default=(), description="Languages to paraphrase into. They take turns with the styles."
    )
    similarity: tuple[Share, Share] | None = Field(
        default=None,
        description="Minimum and maximum similarity of the embeddings of both requests, in every language in "
        "Latin letters. Default: 0.4 and 0.98, in English alone.",
    )
    judge: str | None = Field(default=None, description=JUDGE)
    judge_sampling: Sampling = Field(default_factory=Sampling, description=JUDGE_SAMPLING)
    ask_judge: bool = Field(
        default=True,
        description="Ask the judge whether each request asks for everything that the other one asks for.",
    )

    @model_validator(mode="after")
    def _something_to_do(self) -> ParaphraseOptions:
        if not self.styles and not self.languages:
            raise ValueError("there are neither styles nor languages")
        if self.similarity and self.similarity[0] >= self.similarity[1]:
            raise ValueError("similarity: the least is not below the most")
        return self
