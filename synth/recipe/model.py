"""The blocks of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    SerializeAsAny,
    field_validator,
    model_validator,
)

from synth.llm.providers import provider_of
from synth.recipe.base import Amount, ModelConfig, Positive, Share, StageOptions, Strict
from synth.recipe.files import SourceName, Sources
from synth.recipe.source_map import SourceMap

FORMAT_VERSION = 1


def _read_by_its_provider(block: Any) -> ModelConfig:
    if isinstance(block, ModelConfig):
        return block
    config: ModelConfig = provider_of(block).config.model_validate(block)
    return config


AnyModelConfig = Annotated[SerializeAsAny[ModelConfig], BeforeValidator(_read_by_its_provider)]


def _file_alone(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


class Holdout(Strict):
    """Real rows that are set aside before anything is drafted: a number of rows, or a file."""

    rows: Positive | None = Field(default=None, description="Number of real rows to set aside.")
    file: SourceName | None = Field(
        default=None, description="A file, glob or `hf:NAME` with the held-out rows."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Holdout:
        if (self.rows is None) == (self.file is None):
            raise ValueError("needs either `rows` or a file")
        return self


class Budget(Strict):
    """What a run can use, over all calls of `synth run`."""

    requests: Positive | None = Field(default=None, description="Maximum number of requests.")
    tokens: Positive | None = Field(default=None, description="Maximum tokens of prompts and replies.")
    usd: Amount | None = Field(
        default=None, description="Maximum cost in US dollars; needs the `price` of each model."
    )


class SplitOptions(Strict):
    """Shares of the rows, which add up to one, and the maximum similarity of rows in two splits."""

    train: Share = Field(default=0.9, description="Share of rows in `train`.")
    test: Share = Field(
        default=0.1, description="Share of rows in `test`, where the recipe has no `holdout`."
    )
    meaning: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="Withhold rows of `train` whose prompt has at least this cosine of word vectors with "
        "one of `test`.",
    )

    @model_validator(mode="after")
    def _whole(self) -> SplitOptions:
        if abs(self.train + self.test - 1.0) > 1e-9:
            raise ValueError(f"train and test add up to {self.train + self.test:g}, not to 1")
        return self


class PairOptions(Strict):
    """Which pairs of answers the preference formats contain."""

    per_prompt: Literal["one", "all"] = Field(
        default="one", description="Pairs of each prompt: `one` (the first one found) or `all`."
    )
    margin: Amount = Field(
        default=0.5, description="Minimum difference between the scores of two candidates."
    )
    length_ratio: Annotated[float, Field(ge=1, le=1e6)] | None = Field(
        default=None,
        description="Leave out pairs whose longer answer exceeds this multiple of the shorter one.",
    )


class MixSource(Strict):
    """General data for one split: a number of rows or tokens, or a share of all rows of that split."""

    source: SourceName = Field(description="A file, relative to the recipe, or `hf:NAME`.")
    rows: Positive | None = Field(default=None, description="Number of rows.")
    tokens: Positive | None = Field(
        default=None, description="Number of tokens, counted by the tokenizer of `export.model`."
    )
    weight: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="Share of all rows of the split."
    )
    split: Literal["train", "test"] = Field(default="train", description="The split that gets the rows.")
    license: str | None = Field(default=None, description="The licence of the data, for the card.")

    @model_validator(mode="after")
    def _one_of_them(self) -> MixSource:
        if sum(amount is not None for amount in (self.rows, self.tokens, self.weight)) != 1:
            raise ValueError("needs one of `rows`, `tokens` and `weight`")
        return self


class Balance(Strict):
    """Repeats rows of `train`, so that large groups do not drown small ones."""

    by: Annotated[str, Field(pattern=r"^(language|source|stage|label:.+)$")] = Field(
        default="language", description="What makes a group: `language`, `source`, `stage` or `label:NAME`."
    )
    temperature: Annotated[float, Field(ge=1, le=1e6)] = Field(
        default=2.0, description="A group of n rows gets the weight n^(1/temperature); 1 changes nothing."
    )
    most: Annotated[float, Field(ge=1, le=1e6)] = Field(
        default=4.0, description="Maximum number of copies of a row."
    )


class ExportOptions(Strict):
    """What `synth export` writes, unless its command line says otherwise."""

    format: str = Field(default="trl-sft", description="The format of the files.")
    split: SplitOptions = Field(default_factory=SplitOptions, description="Shares of the splits.")
    seeds: bool = Field(default=True, description="Also export the seeds.")
    only: Literal["reviewed"] | None = Field(
        default=None, description="Export only drafts that a person decided on."
    )
    system: str | None = Field(
        default=None, description="The system prompt of all rows. It replaces the drafting prompt."
    )
    license: str | None = Field(default=None, description="The licence of the sources, for the card.")
    model: str | None = Field(
        default=None, description="The model to train: a name, or a folder relative to the recipe."
    )
    max_length: Positive | None = Field(
        default=None, description="Maximum tokens of a row. Longer rows are withheld, never cut."
    )
    on_unsupported: Literal["stop", "withhold"] = Field(
        default="stop",
        description="A row that the format cannot express: `stop` the export, or `withhold` the row.",
    )
    pairs: PairOptions = Field(default_factory=PairOptions, description="Preference pairs.")
    reasoning: Literal["strip", "think", "field"] = Field(
        default="strip",
        description="The model's reasoning: left out (`strip`), in the answer as `<think>` (`think`), or in"
        " a separate field (`field`).",
    )
    mix: tuple[MixSource, ...] = Field(default=(), description="General data to add, as a list.")
    balance: Balance | None = Field(default=None, description="Repeat rows of small groups in `train`.")

    @field_validator("mix")
    @classmethod
    def _leaves_room(cls, sources: tuple[MixSource, ...]) -> tuple[MixSource, ...]:
        for split in ("train", "test"):
            if sum(source.weight or 0.0 for source in sources if source.split == split) >= 1.0:
                raise ValueError(
                    "the weights of one split add up to 1 or more, which leaves no room for your own rows"
                )
        return sources


class SampleShares(Strict):
    """The shares of the rows to review, as weights. At least a tenth is always a random sample."""

    uncertain: Share = Field(
        default=0.0,
        description="Weight of kept rows whose score is near the threshold, or on which judges differ.",
    )
    random: Share = Field(default=0.0, description="Weight of random kept rows, whose scores are hidden.")
    diverse: Share = Field(default=0.0, description="Weight of kept rows of different clusters, one of each.")
    dropped: Share = Field(default=0.0, description="Weight of rows that a judge dropped.")

    @model_validator(mode="after")
    def _some(self) -> SampleShares:
        if self.uncertain + self.random + self.diverse + self.dropped <= 0:
            raise ValueError("has no share above zero")
        return self


class ReviewOptions(Strict):
    """Which rows `synth review push` sends, how many, and to how many annotators."""

    task: str = Field(
        default="edit", description="The review task: a name in `argilla_config/tasks/`, or a file."
    )
    rows: Positive | Literal["all"] = Field(default=50, description="Number of rows to review, or `all`.")
    annotators: Positive = Field(default=1, description="Annotators for each row of the overlap.")
    overlap: Share = Field(
        default=0.0, description="Share of rows that get `annotators` annotators; the others get one."
    )
    sample: SampleShares = Field(
        default_factory=lambda: SampleShares(uncertain=0.5, random=0.3, dropped=0.2),
        description="Shares of uncertain, random, diverse and dropped rows.",
    )


class StageSpec(Strict):
    """One stage: its kind, its name and its options."""

    kind: str
    name: str
    options: SerializeAsAny[StageOptions]


class Recipe(Strict):
    """A checked recipe. Its paths are relative to `folder`."""

    version: int = Field(default=FORMAT_VERSION, description="The format of the recipe.")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)] = Field(
        description="The name of the run. Its folder is `runs/NAME` next to the recipe."
    )
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = Field(
        default=0, description="Decides everything that is random. Another seed makes other rows."
    )
    models: Annotated[dict[str, AnyModelConfig], Field(min_length=1)] = Field(
        description="The models by name. `writer` is needed; `judge` scores."
    )
    sources: Sources = Field(default_factory=Sources, description="Where rows come from.")
    holdout: Annotated[
        Holdout | None, BeforeValidator(_file_alone, json_schema_input_type=Holdout | str | None)
    ] = Field(
        default=None,
        description="Real rows set aside as `test`: a number of rows, or a file. No prompt shows them.",
    )
    stages: Annotated[tuple[StageSpec, ...], Field(min_length=1)] = Field(
        description="The stages, in their order."
    )
    target: Positive | None = Field(default=None, description="Stop when this many drafts are accepted.")
    budget: Budget = Field(default_factory=Budget, description="Maximum use of all calls of `synth run`.")
    window: Positive = Field(
        default=256,
        description="A prompt shows only drafts that were kept at least this many requests earlier.",
    )
    review: ReviewOptions = Field(
        default_factory=ReviewOptions, description="What `synth review push` sends."
    )
    export: ExportOptions = Field(default_factory=ExportOptions, description="What `synth export` writes.")
    folder: Path = Field(default=Path("."), exclude=True)
    limit: Positive | None = Field(default=None, description="Caps each source and each maker (`--limit`).")
    _source_map: SourceMap | None = PrivateAttr(default=None)

    def read_from(self, source_map: SourceMap) -> Recipe:
        """Sets the lines of this recipe's keys, for errors. Returns the recipe."""
        self._source_map = source_map
        return self

    def where(self, *path: str | int) -> str:
        """A key's place for an error: `FILE:LINE: dotted.key`, or only the key if no file is known."""
        return self._source_map.where(path) if self._source_map else ".".join(map(str, path))

    @property
    def run_folder(self) -> Path:
        """The default run folder."""
        return self.folder / "runs" / self.name

    def stage_model(self, usual: str, named: str | None) -> str:
        """The name of the stage's model: the one it names, else the usual one, else the writer."""
        return named or (usual if usual in self.models else "writer")
