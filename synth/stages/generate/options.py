"""The recipe's options of `generate`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from synth.recipe.base import Amount, Count, Positive, Sampling, Share
from synth.stages.evidence import EvidenceOptions
from synth.stages.generate.reasons import GenerateReason
from synth.stages.reply_reasons import OBJECT_REPLY

# Self-Instruct, https://arxiv.org/abs/2212.10560, table 4 and the released code: for lists of requests.
SELF_INSTRUCT_SAMPLING = Sampling(temperature=0.7, top_p=0.5, presence_penalty=2.0)
# Alpaca's released code, for requests with their answers: the default of OpenAI's API, without a penalty.
ALPACA_SAMPLING = Sampling(temperature=1.0, top_p=1.0)
# Requests in one reply. Alpaca asks for 20 tasks; smaller models repeat themselves then.
PER_REQUEST = 5
SELF_INSTRUCT_KEYWORDS = (
    "image",
    "images",
    "graph",
    "graphs",
    "picture",
    "pictures",
    "file",
    "files",
    "map",
    "maps",
    "draw",
    "plot",
    "go to",
)

# A value of `vary`: the shares that the seeds have. Only what can be measured has them.
AS_IN_SEEDS = "as in the seeds"
MEASURED = ("language", "length")

Axis = Annotated[str, Field(pattern=r"^[a-zA-Z]\w*$")]
Weights = Annotated[dict[str, Amount], Field(min_length=1)]
Values = Annotated[tuple[str, ...], Field(min_length=1)]


class GenerateOptions(EvidenceOptions):
    """Drafts new requests, with or without answers, in the style of the seeds (Self-Instruct)."""

    fills_topics = True
    usual_sampling = ALPACA_SAMPLING
    reasons = (*GenerateReason, *OBJECT_REPLY)

    count: Positive = Field(default=100, description="Number of drafts that must pass the filters.")
    answers_: bool = Field(
        default=True,
        alias="answers",
        description="Draft each request together with its answer. `false`: draft requests alone, which a "
        "later `respond` answers.",
    )
    per_request: Annotated[int, Field(ge=1, le=50)] | None = Field(
        default=None, description="Number of requests that one reply lists (`answers: false`). Default: 5."
    )
    system: str | None = Field(
        default=None,
        description="The system prompt of every draft; an empty text for none. Default: the most frequent "
        "one of the seeds.",
    )
    vary: dict[Axis, Literal["as in the seeds"] | Weights | Values] = Field(
        default={},
        description="What differs from draft to draft, such as `register: [terse, polite]`: values, values "
        "with weights, or `as in the seeds` (only for `language` and `length`).",
    )
    shots: Positive = Field(default=8, description="Few-shot examples in each prompt.")
    shots_from_drafts: Count = Field(
        default=2, description="Number of `shots` that are kept drafts, once there are any."
    )
    novelty: float = Field(
        default=0.7, ge=0, lt=1, description="Maximum ROUGE-L F1 of a request with any seed or kept draft."
    )
    min_words: Count = Field(default=4, description="Minimum words of a request.")
    max_words: Positive = Field(
        default=150, description="Maximum words of a request's first paragraph. The rest is its input."
    )
    keywords: tuple[str, ...] = Field(
        default=SELF_INSTRUCT_KEYWORDS,
        description="Words for tasks that a text model cannot do, in a request's first paragraph. A word "
        "that a seed uses is ignored.",
    )
    repeated: Share = Field(default=0.3, description="Maximum share of repeated 4-grams in a text.")

    @model_validator(mode="after")
    def _fits(self) -> GenerateOptions:
        if self.answers_ and self.per_request is not None:
            raise ValueError("per_request goes with `answers: false`; with an answer, a reply is one draft")
        for name, values in self.vary.items():
            if values == AS_IN_SEEDS and name not in MEASURED:
                raise ValueError(
                    f"vary.{name} cannot be measured in the seeds; only {' and '.join(MEASURED)} can:"
                    " list its values"
                )
        return self

    @property
    def drafts_each(self) -> int:
        """The number of drafts in one reply."""
        return 1 if self.answers_ else self.per_request or PER_REQUEST

    @property
    def default_sampling(self) -> Sampling:
        return ALPACA_SAMPLING if self.answers_ else SELF_INSTRUCT_SAMPLING
