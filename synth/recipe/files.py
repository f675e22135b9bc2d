"""The blocks of a recipe that name files, datasets and runs."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from synth.recipe.base import Strict

_HUB_NAME = re.compile(r"hf:\w[\w.-]*(/\w[\w.-]*)?(@[\w.:\[\]%-]+)?")


def _no_way_out(name: str) -> str:
    """Refuses an `hf:` name that leads out of the folder."""
    if name.startswith("hf:") and (".." in name or not _HUB_NAME.fullmatch(name)):
        raise ValueError(f"{name!r} is not the name of a dataset: write hf:OWNER/NAME or hf:OWNER/NAME@SPLIT")
    return name


SourceName = Annotated[str, AfterValidator(_no_way_out)]


def _known_encoding(name: str) -> str:
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise ValueError(
            f"Python does not know the encoding {name!r}; common ones are utf-8, windows-1252, utf-16"
        ) from None
    return name


WEIGHT = "How often its seeds become few-shot examples, relative to weight 1."


class FileSource(Strict):
    """A file, a glob or `hf:NAME`, with options."""

    path: SourceName = Field(description="A file, glob or `hf:NAME`.")
    weight: Annotated[float, Field(gt=0, le=1e6)] = Field(default=1.0, description=WEIGHT)
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="The usual name of a column, then its name in the file: `{instruction: question}`.",
    )
    separator: Annotated[str, Field(pattern=r'^[^"\r\n]$')] | None = Field(
        default=None, description="The separator of a .csv; detected by default."
    )
    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = Field(
        default=None, description="The encoding, for example windows-1252; UTF-8 by default."
    )
    bad: Literal["stop", "skip"] = Field(
        default="stop",
        description="At an unusable row or document: `stop`, or `skip` it and list it.",
    )


class RunSource(Strict):
    """The kept rows of an earlier run: all of them, or those that people approved."""

    run: str = Field(description="A run folder, relative to the recipe.")
    only: Literal["reviewed"] | None = Field(default=None, description="Read only rows that people approved.")
    weight: Annotated[float, Field(gt=0, le=1e6)] = Field(default=1.0, description=WEIGHT)


def _source_kind(value: Any) -> str:
    if isinstance(value, RunSource) or (isinstance(value, dict) and "run" in value):
        return "run"
    if isinstance(value, FileSource | dict):
        return "file"
    return "several" if isinstance(value, list) else "name"


Source = Annotated[
    Annotated[SourceName, Tag("name")]
    | Annotated[FileSource, Tag("file")]
    | Annotated[RunSource, Tag("run")],
    Discriminator(_source_kind),
]
Files = Annotated[
    Annotated[SourceName, Tag("name")]
    | Annotated[FileSource, Tag("file")]
    | Annotated[RunSource, Tag("run")]
    | Annotated[list[Source], Tag("several")],
    Discriminator(_source_kind),
]


class Sources(Strict):
    """Where rows come from. Paths are relative to the recipe; globs and `hf:NAME` also work."""

    seeds: Files | None = Field(default=None, description="Examples that you trust.")
    documents: Files | None = Field(default=None, description="Texts to draft from and to ground answers in.")
    failures: Files | None = Field(default=None, description="What today's model got wrong.")
    prompts: Files | None = Field(default=None, description="Requests that need an answer.")

    @model_validator(mode="after")
    def _weights_draw(self) -> Sources:
        for key in ("documents", "failures", "prompts"):
            for source in listed(getattr(self, key)):
                if not isinstance(source, str) and source.weight != 1.0:
                    raise ValueError(
                        f"a weight says how often a seed becomes a few-shot example; {key} never do"
                    )
        return self


def listed(files: Files | None) -> list[Source]:
    """The sources of one key, as a list."""
    if files is None:
        return []
    return files if isinstance(files, list) else [files]
