"""What a recipe may write under `paraphrase`."""

from __future__ import annotations

from pydantic import Field, model_validator

from synth.recipe.base import AskingOptions, Positive, Sampling, Share
from synth.stages.paraphrase.reasons import ParaphraseAction, ParaphraseReason
from synth.stages.reply_reasons import OBJECT_REPLY
from synth.text.paraphrase_checks.reasons import MeaningReason

# How a request is reworded, by the name under which a recipe chooses it.
STYLES = {
    "formal": "in formal, complete sentences",
    "casual": "the way somebody types it in a chat, informally",
    "short": "as short as it can be said",
    "long": "at greater length, in two or three sentences",
    "order": "with the parts of the sentence in another order and another sentence structure",
    "keywords": "as the keywords that somebody would type into a search box",
    "typos": "with two or three typing errors in ordinary words, but none in names, numbers or code",
}


class ParaphraseOptions(AskingOptions):
    """The same answer, other wordings of the request (SQLCoder2)."""

    shares_answer = True
    reasons = (*MeaningReason, *ParaphraseReason, *OBJECT_REPLY)
    actions = tuple(ParaphraseAction)

    from_: tuple[str, ...] | None = Field(
        default=None, alias="from", description="Sources and earlier makers to draw on; all by default."
    )
    variants: Positive = Field(default=2, description="Wordings of each row.")
    count: Positive | None = Field(default=None, description="Wordings that are to pass in all.")
    styles: tuple[str, ...] = Field(
        default=("formal", "casual", "short", "order", "long"),
        description="Of formal, casual, short, long, order, keywords, typos, or your own words.",
    )
    languages: tuple[str, ...] = Field(default=(), description="Other languages, taken in turn with styles.")
    similarity: tuple[Share, Share] = Field(
        default=(0.4, 0.98), description="Least and most similarity of the two wordings' embeddings."
    )
    judge: str | None = Field(default=None, description="One of `models`, in the place of `judge`.")
    sampling_of_judge: Sampling = Sampling(temperature=0.0)
    ask_judge: bool = Field(default=True, description="Let the judge say whether both ask for the same.")
    sampling: Sampling = Sampling(temperature=0.9, top_p=0.95, max_tokens=512)

    @model_validator(mode="after")
    def _something_to_do(self) -> ParaphraseOptions:
        if not self.styles and not self.languages:
            raise ValueError("there are neither styles nor languages")
        if self.similarity[0] >= self.similarity[1]:
            raise ValueError("similarity: the least is not below the most")
        return self
