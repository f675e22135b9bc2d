"""The tables of keys and of reasons in the documentation are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from docs.write_reference import BLOCKS, DOCS, PAGES, PLACE, SET_BY_COMMAND, up_to_date
from synth.llm.providers import PROVIDERS
from synth.recipe.base import AskingOptions, ModelConfig, Sampling, StageOptions
from synth.recipe.files import FileSource, RunSource, Sources
from synth.recipe.model import Recipe, StageSpec
from synth.stages.registry import STAGES

COMMAND = "make docs"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_a_page_is_up_to_date(page: Path) -> None:
    text = page.read_text()
    assert text.count("<!-- generated:") == text.count("<!-- end -->") == len(PLACE.findall(text))
    assert up_to_date(text) == text, f"docs/{page.name} is stale: run `{COMMAND}` and commit what it writes"


def test_a_stale_page_is_noticed() -> None:
    text = (DOCS / "dedupe.md").read_text()
    for stale in (text.replace("`0.8`", "`0.9`"), text.replace("| `near_copy` |", "| `close_copy` |")):
        assert stale != text
        assert up_to_date(stale) == text


@pytest.mark.parametrize("kind", STAGES.built_in)
def test_a_page_of_a_stage_has_its_tables(kind: str) -> None:
    options = STAGES.find(kind).options
    places = {place[1] for place in PLACE.findall((DOCS / f"{PAGES.get(kind, kind)}.md").read_text())}
    wanted = {f"options {kind}"}
    wanted |= {f"reasons {kind}"} if options.reasons else set()
    wanted |= {f"history {kind}"} if options.actions else set()
    assert places == wanted


def blocks(block: type[BaseModel]) -> set[type[BaseModel]]:
    """The block, and those inside it."""
    found = {block}
    for field in block.model_fields.values():
        for part in walked(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found |= blocks(part)
    return found


def walked(annotation: object) -> list[object]:
    parts = getattr(annotation, "__args__", ())
    return [annotation, *(each for part in parts for each in walked(part))]


TOP = [
    Recipe, Sources, FileSource, RunSource, Sampling, ModelConfig, StageOptions, AskingOptions,
    *BLOCKS.values(),
    *(PROVIDERS.find(name).config for name in PROVIDERS.built_in),
    *(STAGES.find(kind).options for kind in STAGES.built_in),
]  # fmt: skip


@pytest.mark.parametrize("top", TOP, ids=lambda block: block.__name__)
def test_every_key_has_a_description(top: type[BaseModel]) -> None:
    for block in blocks(top) - {StageSpec}:
        for name, field in block.model_fields.items():
            if name not in SET_BY_COMMAND:
                assert field.description, f"{block.__name__}.{name}"
                assert field.description.endswith("."), f"{block.__name__}.{name}"


@pytest.mark.parametrize("top", TOP, ids=lambda block: block.__name__)
def test_the_reference_lists_every_key(top: type[BaseModel]) -> None:
    lines = (DOCS / "recipe.md").read_text().splitlines()
    listed = {line.split("`")[1].rsplit(".", 1)[-1] for line in lines if line.startswith("| `")}
    for block in blocks(top) - {StageSpec}:
        keys = {field.alias or name for name, field in block.model_fields.items()} - SET_BY_COMMAND
        assert keys <= listed, block
