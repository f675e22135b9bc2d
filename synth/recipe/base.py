"""The base of every block of a recipe: frozen, and unknown keys are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from synth.reasons import Action, Reason

# The largest integer that every JSON parser, database and server keeps exactly.
LARGEST: Final = 2**53

# Every number of a recipe is finite and has a largest value; `Strict` refuses infinity and NaN.
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Positive = Annotated[int, Field(ge=1, le=LARGEST)]
Amount = Annotated[float, Field(gt=0.0, le=1e12)]


class Strict(BaseModel):
    """A frozen model that refuses unknown keys and also validates defaults."""

    # `defer_build` builds a validator at first use: a recipe uses only a few stages, and `--help` none.
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        populate_by_name=True,
        defer_build=True,
        allow_inf_nan=False,
    )


class Sampling(Strict):
    """Sampling parameters. Only those that are set are sent, under the server's own names."""

    temperature: Annotated[float, Field(ge=0.0, le=5.0)] | None = Field(
        default=None, description="Randomness; 0 always takes the most likely token."
    )
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(
        default=None,
        description="Sample only from the most likely tokens with this share of the probability.",
    )
    top_k: Annotated[int, Field(ge=-1, le=2**31 - 1)] | None = Field(
        default=None, description="Sample only from this number of most likely tokens."
    )
    min_p: Share | None = Field(
        default=None,
        description="Sample only from tokens with at least this share of the most likely token's "
        "probability.",
    )
    presence_penalty: Annotated[float, Field(ge=-2.0, le=2.0)] | None = Field(
        default=None, description="Penalty for tokens that occur in the reply already."
    )
    frequency_penalty: Annotated[float, Field(ge=-2.0, le=2.0)] | None = Field(
        default=None,
        description="Penalty for tokens, multiplied by how often they occur in the reply already.",
    )
    repetition_penalty: Annotated[float, Field(gt=0.0, le=100.0)] | None = Field(
        default=None, description="Penalty for tokens that occur in the prompt or the reply; 1 is none."
    )
    stop: tuple[str, ...] | None = Field(default=None, description="Texts that end the reply.")
    max_tokens: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="Maximum tokens of a reply."
    )

    def over(self, defaults: Sampling) -> Sampling:
        """These values, completed by those of `defaults`."""
        return Sampling(**(defaults.set_values() | self.set_values()))

    def or_usual(self, usual: Sampling) -> Sampling:
        """These values, or `usual` if they do not say how tokens are chosen: values are tuned together, so
        the two are never mixed.
        """
        chosen = self.set_values().keys() - {"max_tokens", "stop"}
        return self if chosen else self.over(usual)

    def set_values(self) -> dict[str, Any]:
        """The values that are set, by name."""
        return {k: v for k, v in self if v is not None}

    def without_max_tokens(self) -> dict[str, Any]:
        """The values that are part of a request's identity."""
        return {k: v for k, v in self.set_values().items() if k != "max_tokens"}


class Price(Strict):
    """US dollars per million tokens."""

    prompt: Annotated[float, Field(ge=0, le=1e9)] = Field(description="For tokens of the prompt.")
    completion: Annotated[float, Field(ge=0, le=1e9)] = Field(description="For tokens of the reply.")


class ModelConfig(Strict):
    """The base of every block of `models`. A provider's block extends it, and describes its models with the
    properties below.
    """

    sampling: Sampling = Field(
        default_factory=Sampling, description="Sampling parameters, where a stage does not set them."
    )
    price: Price | None = Field(
        default=None, description="US dollars per million tokens; needed for `budget.usd`."
    )
    provider: str = Field(description="What runs the model.")
    model: str = Field(description="The name of the model.")

    # Whether requests cost money. If so, a budget in USD needs a price.
    billed: ClassVar[bool] = False

    @property
    def base_urls(self) -> list[str]:
        """The servers of the model; none if `synth` runs the model itself."""
        return []

    @property
    def key_variable(self) -> str | None:
        """The environment variable that holds the servers' key."""
        return None

    @property
    def token_limit(self) -> int | None:
        """The maximum tokens of prompt and reply together; None if the recipe does not say."""
        return None

    @property
    def request_body(self) -> Mapping[str, Any]:
        """Keys that are added unchanged to the body of each request. They are part of its identity."""
        return {}


# Descriptions that several stages share.
SAMPLING = (
    "Sampling parameters. They override those of the model. The default is used if neither says how tokens "
    "are chosen."
)
JUDGE = "The judge, by its name under `models`. Default: `judge`, or `writer` where there is none."
# A judge takes the most likely token.
JUDGING = Sampling(temperature=0.0)
JUDGE_SAMPLING = (
    "Sampling parameters of the judge. They override those of its model. The default is used if neither says "
    "how tokens are chosen, and if the writer is the judge."
)
PARENTS = (
    "The rows to draw on: `seeds`, `prompts` or names of earlier stages. "
    "Default: seeds and all rows that were kept before this stage."
)


@dataclass(frozen=True, slots=True)
class GivenScore:
    """A score that a stage gives to rows: key in `scores`, rubric, and the threshold of a kept row."""

    key: str
    rubric: str
    threshold: float | None


class StageOptions(Strict):
    """Options of every stage. A stage's own options extend this class, and declare the facts that are needed
    before the stage is loaded.
    """

    # The reasons for which it drops rows, and the actions that it notes in the history of rows.
    reasons: ClassVar[Sequence[Reason]] = ()
    actions: ClassVar[Sequence[Action]] = ()

    # Whether it gives answers to rows that have none.
    answers: ClassVar[bool] = False

    # Whether a row that it makes has the answer of its parent.
    shares_answer: ClassVar[bool] = False

    # Whether it names the topics for later makers, and reports them as `leaves`.
    names_topics: ClassVar[bool] = False

    # Whether it writes its rows on the topics of an earlier stage. Other makers use inputs that have a
    # subject already: a text, a failure, a row.
    fills_topics: ClassVar[bool] = False

    # Whether it redacts the sources. They are redacted while they are read, so it must be the first stage.
    redacts: ClassVar[bool] = False

    as_: str | None = Field(
        default=None,
        alias="as",
        pattern=r"^[a-z][a-z0-9_-]*$",
        description="A name for this stage. Needed if the same stage occurs twice.",
    )

    @property
    def user_code(self) -> str | None:
        """`FILE.py:FUNCTION` if the stage runs the user's own code."""
        return None

    @property
    def given_scores(self) -> Sequence[GivenScore]:
        """The scores that it gives to rows, if it is a judge."""
        return ()

    @property
    def answers_again(self) -> bool:
        """Whether it replaces answers, so that prompts may have one."""
        return False


class AskingOptions(StageOptions):
    """Options of every stage that asks a model."""

    # The sampling parameters where neither the stage nor the model says how tokens are chosen.
    usual_sampling: ClassVar[Sampling] = Sampling()

    model: str | None = Field(
        default=None,
        description="The model to ask, by its name under `models`. Default: `judge` in `score`, otherwise "
        "`writer`.",
    )
    prompt: str | None = Field(
        default=None,
        description="A prompt of your own: a file next to the recipe, or a name in the stage's folder of "
        "`prompts/`.",
    )
    sampling: Sampling = Field(default_factory=Sampling, description=SAMPLING)
    attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Maximum number of requests for one usable reply."
    )

    @property
    def default_sampling(self) -> Sampling:
        """`usual_sampling`, unless it depends on other options."""
        return self.usual_sampling
