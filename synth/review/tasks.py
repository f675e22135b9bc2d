"""Review tasks as files: the fields and questions for annotators, in the shape of Argilla's dataset
settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from synth.errors import InputError
from synth.packaged import packaged
from synth.small_files import read_small
from synth.suggestions import did_you_mean
from synth.yaml_data import YamlFault, load_yaml

if TYPE_CHECKING:
    import argilla as rg

Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]*[a-z0-9][a-z0-9_-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FieldSpec(_Strict):
    """A field to show: a text, or the messages of a conversation."""

    name: Name
    type: Literal["text", "chat"]
    title: str | None = None
    required: bool = True
    use_markdown: bool = False


class _QuestionSpec(_Strict):
    name: Name
    title: str | None = None
    description: str | None = None
    required: bool = True


class TextQuestionSpec(_QuestionSpec):
    type: Literal["text"]
    use_markdown: bool = False


class RatingQuestionSpec(_QuestionSpec):
    type: Literal["rating"]
    values: tuple[int, ...] = Field(min_length=2)


class LabelQuestionSpec(_QuestionSpec):
    """A question for one class. Without `labels`, the rows' classes are used."""

    type: Literal["label", "multi_label"]
    labels: dict[str, str] | tuple[str, ...]


class RankingQuestionSpec(_QuestionSpec):
    type: Literal["ranking"]
    values: dict[str, str] | tuple[str, ...]


QuestionSpec = Annotated[
    TextQuestionSpec | RatingQuestionSpec | LabelQuestionSpec | RankingQuestionSpec,
    Field(discriminator="type"),
]


class MetadataSpec(_Strict):
    name: Name
    type: Literal["terms", "integer", "float"]
    title: str | None = None
    visible_for_annotators: bool = True


class VectorSpec(_Strict):
    """Vectors for "find similar". The length of the rows' vectors replaces `dimensions`."""

    name: Name
    title: str | None = None
    dimensions: int = Field(gt=0)


class Distribution(_Strict):
    min_submitted: int = Field(default=1, gt=0)


class Task(_Strict):
    """A review task. Read it with `load_task`."""

    name: Name
    description: str
    guidelines: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    fields: tuple[FieldSpec, ...] = Field(min_length=1)
    questions: tuple[QuestionSpec, ...] = Field(min_length=1)
    metadata: tuple[MetadataSpec, ...] = ()
    vectors: tuple[VectorSpec, ...] = ()
    distribution: Distribution = Distribution()

    def settings(
        self,
        *,
        labels: Sequence[str] = (),
        dimensions: int | None = None,
        min_submitted: int | None = None,
    ) -> rg.Settings:
        """Argilla's settings. `labels` are for questions without labels; the other arguments override the
        file.
        """
        import argilla as rg

        overlap = min_submitted or self.distribution.min_submitted
        return rg.Settings(
            guidelines=self.guidelines,
            fields=[_field(spec) for spec in self.fields],
            questions=[_question(spec, labels) for spec in self.questions],
            metadata=[_metadata(spec) for spec in self.metadata],
            vectors=[
                rg.VectorField(spec.name, dimensions=dimensions or spec.dimensions, title=spec.title)
                for spec in self.vectors
            ],
            distribution=rg.TaskDistribution(min_submitted=overlap),
        )


def load_task(name_or_path: str | Path) -> Task:
    """Reads a task from a file, or a packaged task by its name.

    Raises `InputError` if there is none, or if the file is not a valid task.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = packaged("argilla_config") / "tasks" / f"{name_or_path}.yaml"
    try:
        content = load_yaml(read_small(path, InputError))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        known = task_names()
        raise InputError(
            f"there is no review task {str(name_or_path)!r}.{did_you_mean(str(name_or_path), known)}",
            hint=f"There are: {', '.join(known)}.",
        ) from None
    except YamlFault as fault:
        where = f"{path}:{fault.line}" if fault.line else str(path)
        raise InputError(f"{fault.words}.", where=where) from None
    try:
        return Task.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{key}: {first['msg']}", where=str(path)) from error


def recipe_task(name: str, base: Path) -> Task:
    """The task of a recipe: a packaged name, or a file relative to `base`."""
    return load_task(base / name if name.endswith((".yaml", ".yml")) else name)


def task_names() -> list[str]:
    """The names of the packaged tasks."""
    return sorted(path.stem for path in (packaged("argilla_config") / "tasks").glob("*.yaml"))


def _field(spec: FieldSpec) -> rg.TextField | rg.ChatField:
    import argilla as rg

    make = rg.TextField if spec.type == "text" else rg.ChatField
    return make(spec.name, title=spec.title, required=spec.required, use_markdown=spec.use_markdown)


def _question(
    spec: TextQuestionSpec | RatingQuestionSpec | LabelQuestionSpec | RankingQuestionSpec,
    labels: Sequence[str],
) -> rg.TextQuestion | rg.RatingQuestion | rg.LabelQuestion | rg.MultiLabelQuestion | rg.RankingQuestion:
    import argilla as rg

    common = {"title": spec.title, "description": spec.description, "required": spec.required}
    match spec:
        case TextQuestionSpec():
            return rg.TextQuestion(spec.name, use_markdown=spec.use_markdown, **common)
        case RatingQuestionSpec():
            return rg.RatingQuestion(spec.name, values=list(spec.values), **common)
        case RankingQuestionSpec():
            return rg.RankingQuestion(spec.name, values=_options(spec.values), **common)
        case LabelQuestionSpec():
            options = _options(spec.labels) or list(dict.fromkeys(labels))
            if not options:
                raise InputError(
                    f"the question {spec.name!r} has no labels.", hint="Name them in the task's file."
                )
            make = rg.LabelQuestion if spec.type == "label" else rg.MultiLabelQuestion
            return make(spec.name, labels=options, **common)


def _options(given: dict[str, str] | tuple[str, ...]) -> dict[str, str] | list[str]:
    return given if isinstance(given, dict) else list(given)


def _metadata(
    spec: MetadataSpec,
) -> rg.TermsMetadataProperty | rg.IntegerMetadataProperty | rg.FloatMetadataProperty:
    import argilla as rg

    kinds = {
        "terms": rg.TermsMetadataProperty,
        "integer": rg.IntegerMetadataProperty,
        "float": rg.FloatMetadataProperty,
    }
    make = kinds[spec.type]
    return make(spec.name, title=spec.title, visible_for_annotators=spec.visible_for_annotators)
