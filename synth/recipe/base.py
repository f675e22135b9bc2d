"""The base of every block of a recipe: frozen, and unknown keys are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """Frozen; refuses unknown keys; validates defaults too."""

    # Built at first use: a recipe uses only a few stages, and `--help` none.
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

    temperature: Annotated[float, Field(ge=0.0, le=5.0)] | None = None
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=2**31 - 1)] | None = None
    min_p: Share | None = None
    presence_penalty: Annotated[float, Field(ge=-2.0, le=2.0)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2.0, le=2.0)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0.0, le=100.0)] | None = None
    stop: tuple[str, ...] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None

    def over(self, defaults: Sampling) -> Sampling:
        """These values, completed by those of `defaults`."""
        return Sampling(**(defaults.set_values() | self.set_values()))

    def set_values(self) -> dict[str, Any]:
        """The values that are set, by name."""
        return {k: v for k, v in self if v is not None}

    def without_max_tokens(self) -> dict[str, Any]:
        """The values that are part of a request's identity."""
        return {k: v for k, v in self.set_values().items() if k != "max_tokens"}


class Price(Strict):
    """US dollars per million tokens."""

    prompt: Annotated[float, Field(ge=0, le=1e9)]
    completion: Annotated[float, Field(ge=0, le=1e9)]


class ModelConfig(Strict):
    """What each block of `models` has. A provider's own block extends this, and says more about its models by
    the properties below.
    """

    sampling: Sampling = Field(default_factory=Sampling)
    price: Price | None = None
    provider: str
    model: str

    # Requests cost money, so that a budget in USD needs a price.
    billed: ClassVar[bool] = False

    @property
    def base_urls(self) -> list[str]:
        """The servers that are asked; none where the model runs beside `synth`."""
        return []

    @property
    def key_variable(self) -> str | None:
        """The environment variable that holds the servers' key."""
        return None

    @property
    def token_limit(self) -> int | None:
        """Tokens of prompt and answer that the model can take; None where the recipe does not say."""
        return None

    @property
    def request_body(self) -> Mapping[str, Any]:
        """What goes into the body of each request unchanged. It is part of a request's identity."""
        return {}


class StageOptions(Strict):
    """Options of every stage. A stage's own options extend this class, and declare what others have to know
    before the stage is loaded.
    """

    # Why it drops rows, and what it notes in the history of rows.
    reasons: ClassVar[Sequence[Reason]] = ()
    actions: ClassVar[Sequence[Action]] = ()

    # It gives answers to rows that have none.
    answers: ClassVar[bool] = False

    # A row that it makes has the answer of the row that it is made from.
    shares_answer: ClassVar[bool] = False

    # It names the topics that makers behind it fill, and reports them as `leaves`.
    names_topics: ClassVar[bool] = False

    # Its rows are written on the topics that an earlier stage names. Other makers draw on what has a subject
    # already: a text, a failure, a row.
    fills_topics: ClassVar[bool] = False

    # Sources are redacted as they are read, so it has to be the first stage.
    redacts: ClassVar[bool] = False

    as_: str | None = Field(
        default=None,
        alias="as",
        pattern=r"^[a-z][a-z0-9_-]*$",
        description="A name for this stage. Needed if the same stage occurs twice.",
    )

    @property
    def user_code(self) -> str | None:
        """`FILE.py:FUNCTION` where the stage runs code of the user's own."""
        return None

    @property
    def answers_again(self) -> bool:
        """Whether it replaces answers, so that prompts may have one."""
        return False


class AskingOptions(StageOptions):
    """Options of every stage that asks a model."""

    model: str | None = Field(default=None, description="One of `models`, instead of the usual one.")
    prompt: str | None = Field(
        default=None, description="A prompt file: a name, or a path beside the recipe."
    )
    sampling: Sampling = Field(default_factory=Sampling, description="Overrides the model's own sampling.")
    attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Attempts to get a usable reply."
    )
